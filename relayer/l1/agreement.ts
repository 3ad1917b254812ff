/** How several endpoints become one answer (EP-2). Pure. */

/** Equal answers needed of `configured` endpoints: a majority of three or more; one of two must do, or none could fail. */
export function quorumOf(configured: number): number {
  return configured <= 2 ? 1 : Math.floor(configured / 2) + 1;
}

/**
 * The head that enough endpoints have reached. Of three or more the highest that a quorum has, so that neither a liar
 * nor a laggard sets it; of one or two the highest: lagging is common, and against lying two are not enough.
 * Undefined when fewer than a quorum answered.
 */
export function agreedHead(heads: readonly number[], configured: number): number | undefined {
  const quorum = quorumOf(configured);
  return [...heads].sort((a, b) => b - a)[quorum - 1];
}

/** Index of the first answer that a quorum gave alike. */
export function agreedValue(answers: readonly string[], quorum: number): number | undefined {
  const counts = new Map<string, number>();
  for (const answer of answers) counts.set(answer, (counts.get(answer) ?? 0) + 1);
  const index = answers.findIndex((answer) => (counts.get(answer) ?? 0) >= quorum);
  return index === -1 ? undefined : index;
}
