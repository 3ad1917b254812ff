import { writeFileSync } from "node:fs";

import { render, vectorFiles } from "./vectors.ts";

// `npm run vectors`: writes the files that tests in both languages read. A diff in them is a change of the protocol.
for (const [name, vectors] of Object.entries(vectorFiles())) {
  writeFileSync(new URL(`${name}.json`, import.meta.url), render(vectors));
}
