// Bundles src/ into dist/, which is what a package ships: no TypeScript to strip at start, so half the start-up time
// and less memory. koffi stays outside: it loads its binary from its own package.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { bundleForPackage, root } from "./bundle.mjs";

const folder = join(root, "dist");
rmSync(folder, { recursive: true, force: true });
await bundleForPackage(folder);
