import { createHash, timingSafeEqual } from "node:crypto";

/** Longest `Authorization` header that is looked at. */
const HEADER_LENGTH_MAX = 1024;

/** Whether a header carries the secret: as `Bearer <secret>`, or as the password of `Basic` with any user name. */
export function isAuthorized(header: string | undefined, secret: string): boolean {
  if (header === undefined || header.length > HEADER_LENGTH_MAX) return false;
  const space = header.indexOf(" ");
  const scheme = header.slice(0, Math.max(0, space)).toLowerCase();
  const credentials = header.slice(space + 1);
  if (scheme === "bearer") return isEqual(credentials, secret);
  if (scheme !== "basic") return false;
  const text = Buffer.from(credentials, "base64").toString("utf8");
  const colon = text.indexOf(":");
  return colon >= 0 && isEqual(text.slice(colon + 1), secret);
}

/** Takes as long for every pair of texts: digests of equal length are compared. */
function isEqual(given: string, secret: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text, "utf8").digest();
  return timingSafeEqual(digest(given), digest(secret));
}
