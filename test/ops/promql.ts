/** Words of PromQL that are no metric: operators, aggregations and functions that the rules use. */
const WORDS = new Set(
  (
    "and or unless on ignoring group_left group_right by without offset bool " +
    "sum min max avg count deriv rate increase time histogram_quantile min_over_time max_over_time"
  ).split(" "),
);

/**
 * Names of the metrics in a query: what is left of its words without label matchers, grouping lists, durations, numbers and
 * the language's own words. Throws on brackets that do not match.
 */
export function metricsOf(query: string): readonly string[] {
  for (const [open, close] of ["()", "[]", "{}"]) {
    const count = (of: string | undefined): number => query.split(of ?? "").length - 1;
    if (count(open) !== count(close)) throw new Error(`brackets do not match: ${query}`);
  }
  const bare = query
    .replace(/"[^"]*"/g, "")
    .replace(/\{[^}]*\}/g, "")
    .replace(/\[[^\]]*\]/g, "")
    .replace(/\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, "");
  const words = bare.match(/[a-zA-Z_:][a-zA-Z0-9_:]*/g) ?? [];
  return words.filter((word) => !WORDS.has(word) && !/^e\d+$/.test(word));
}
