// Stands for the package koffi in a bundle whose folder holds koffi.node. Only its default export is used.
import { createRequire } from "node:module";

export default createRequire(import.meta.url)("./koffi.node");
