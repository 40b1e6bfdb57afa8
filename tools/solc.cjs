#!/usr/bin/env node
// The official Solidity compiler from npm (WebAssembly) behind the command line that Ape and forge expect from a native
// solc: `--version`, and `--standard-json` from stdin to stdout. Every other flag (`--allow-paths`, `--base-path`, …)
// concerns reading files, which standard-json input with inlined sources never does.
"use strict";
const solc = require("solc");

const flags = process.argv.slice(2);
if (flags.includes("--version") || flags.includes("-V")) {
  const version = solc.version().replace(/\.Emscripten.*$/, ".Linux.wasm");
  process.stdout.write(`solc, the solidity compiler commandline interface\nVersion: ${version}\n`);
} else if (flags.includes("--standard-json")) {
  const chunks = [];
  process.stdin.on("data", (chunk) => chunks.push(chunk));
  process.stdin.on("end", () => process.stdout.write(solc.compile(Buffer.concat(chunks).toString("utf8")) + "\n"));
} else {
  process.stderr.write("tools/solc.cjs: only --version and --standard-json are supported\n");
  process.exitCode = 1;
}
