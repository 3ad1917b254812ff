import { Counter, Gauge, Histogram, type Registry } from "prom-client";

/** Upper bounds of answer times, seconds. */
const SECONDS_BUCKETS = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10];

/** What the API counts, under `crema_api_`. Labels come from the route table, never from the request. */
export interface ApiMetrics {
  answered(route: string, status: number, seconds: number): void;
  subscribed(change: 1 | -1): void;
  streamed(): void;
}

export function createApiMetrics(registry: Registry): ApiMetrics {
  const registers = [registry];
  const requests = new Counter({
    name: "crema_api_requests_total",
    help: "Requests answered, by route and status.",
    labelNames: ["route", "status"],
    registers,
  });
  const seconds = new Histogram({
    name: "crema_api_request_seconds",
    help: "Time to answer, by route.",
    labelNames: ["route"],
    buckets: SECONDS_BUCKETS,
    registers,
  });
  const subscribers = new Gauge({
    name: "crema_api_subscribers",
    help: "Subscribers of the stream that are connected.",
    registers,
  });
  const blocks = new Counter({
    name: "crema_api_streamed_blocks_total",
    help: "Blocks sent to subscribers.",
    registers,
  });
  return {
    answered: (route, status, duration) => {
      requests.inc({ route, status: String(status) });
      seconds.observe({ route }, duration);
    },
    subscribed: (change) => {
      subscribers.inc(change);
    },
    streamed: () => {
      blocks.inc();
    },
  };
}
