/** `npm run docs:features`: writes docs/features.md from what the code declares. */
import { writeFileSync } from "node:fs";
import { featuresPage, featuresText } from "./features-page.ts";

writeFileSync(featuresPage, featuresText());
console.log("wrote docs/features.md");
