#!/usr/bin/env node
// The official Solidity compiler from npm (WebAssembly) behind the command line that Ape and forge expect from a native
// solc: `--version`, and `--standard-json` from stdin to stdout. Sources that the input does not hold are read below
// node_modules only: Ape compiles a copy of the project that lacks it. Every other flag is ignored.
"use strict";
const fs = require("fs");
const path = require("path");
const solc = require("solc");

const root = path.dirname(__dirname);
const readImport = (name) => {
  const file = path.resolve(root, name);
  if (!file.startsWith(path.join(root, "node_modules") + path.sep)) return { error: "not below node_modules" };
  try {
    return { contents: fs.readFileSync(file, "utf8") };
  } catch (error) {
    return { error: error.message };
  }
};

const flags = process.argv.slice(2);
if (flags.includes("--version") || flags.includes("-V")) {
  const version = solc.version().replace(/\.Emscripten.*$/, ".Linux.wasm");
  process.stdout.write(`solc, the solidity compiler commandline interface\nVersion: ${version}\n`);
} else if (flags.includes("--standard-json")) {
  const chunks = [];
  process.stdin.on("data", (chunk) => chunks.push(chunk));
  process.stdin.on("end", () => {
    const input = Buffer.concat(chunks).toString("utf8");
    process.stdout.write(solc.compile(input, { import: readImport }) + "\n");
  });
} else {
  process.stderr.write("tools/solc.cjs: only --version and --standard-json are supported\n");
  process.exitCode = 1;
}
