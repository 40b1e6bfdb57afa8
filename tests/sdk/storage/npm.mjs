// What the npm packages of IPFS say, for tests/sdk/storage/test_npm_agreement.py.
//
//   node npm.mjs add CHUNK LINKS CAR <file     CIDs and CAR as ipfs-unixfs-importer and @ipld/car make them
//   node npm.mjs read CAR >file                the content, by @ipld/car and ipfs-unixfs-exporter
import { createReadStream, createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

import { CarBlockIterator, CarWriter } from "@ipld/car";
import { MemoryBlockstore } from "blockstore-core";
import { exporter } from "ipfs-unixfs-exporter";
import { importer } from "ipfs-unixfs-importer";
import { fixedSize } from "ipfs-unixfs-importer/chunker";
import { balanced } from "ipfs-unixfs-importer/layout";
import { sha256 } from "multiformats/hashes/sha2";

async function add(chunkSize, maxChildrenPerNode, car) {
  const blocks = [];
  const seen = new Set();
  const store = new MemoryBlockstore();
  const recording = {
    put: (cid, block) => {
      if (!seen.has(cid.toString())) {
        seen.add(cid.toString());
        blocks.push({ cid, bytes: block });
      }
      return store.put(cid, block);
    },
  };
  const options = {
    cidVersion: 1,
    rawLeaves: true,
    reduceSingleLeafToSelf: true,
    chunker: fixedSize({ chunkSize }),
    layout: balanced({ maxChildrenPerNode }),
  };
  let root;
  for await (const entry of importer([{ content: process.stdin }], recording, options)) root = entry.cid;
  const { writer, out } = CarWriter.create([root]);
  const written = pipeline(Readable.from(out), createWriteStream(car));
  for (const block of blocks) await writer.put(block);
  await writer.close();
  await written;
  console.log(JSON.stringify({ root: root.toString(), blocks: blocks.map((block) => block.cid.toString()) }));
}

async function read(car) {
  const store = new MemoryBlockstore();
  const iterator = await CarBlockIterator.fromIterable(createReadStream(car));
  const roots = await iterator.getRoots();
  if (roots.length !== 1) throw new Error(`${roots.length} roots`);
  for await (const { cid, bytes } of iterator) {
    const digest = (await sha256.digest(bytes)).digest;
    if (Buffer.compare(Buffer.from(digest), Buffer.from(cid.multihash.digest)) !== 0) throw new Error(`${cid} is corrupt`);
    await store.put(cid, bytes);
  }
  const entry = await exporter(roots[0], store);
  for await (const part of entry.content()) process.stdout.write(part);
}

const [command, ...args] = process.argv.slice(2);
if (command === "add") await add(Number(args[0]), Number(args[1]), args[2]);
else await read(args[0]);
