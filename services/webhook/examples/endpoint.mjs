#!/usr/bin/env node
// A web server that says what happens to the calls of a shop: rings Ann, then Ben and Carl together.
//
// Needs nothing but Node. Usage: endpoint.mjs PORT SECRET; port 0 takes a free one, which is printed.

import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const [port, secret] = process.argv.slice(2);
const mostBytes = 1 << 20;

/** The actions for what has happened. */
function decide({ event, request, result }) {
  if (event === "ended") return [];
  if (request.type === "MESSAGE") {
    return [{ answer: {} }, { message: { to: "ann@example.com", from: request.from } }];
  }
  if (event === "incoming") return [{ dial: { to: "ann@example.com", ring: 20 } }, { bridge: {} }];
  if (event === "failed" && result?.action === "dial") {
    const both = ["ben@example.com", "carl@example.com"];
    return [{ hunt: { to: both, ring: 20, together: true } }, { bridge: {} }];
  }
  return [{ reject: { code: 480, reason: "nobody is in the shop" } }];
}

function isSigned(body, header) {
  const expected = Buffer.from(`sha256=${createHmac("sha256", secret).update(body).digest("hex")}`);
  const given = Buffer.from(header ?? "");
  return given.length === expected.length && timingSafeEqual(given, expected);
}

async function read(request) {
  const chunks = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    if (length > mostBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

const server = createServer(async (request, response) => {
  const answer = (status, value) => {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(value));
  };
  try {
    const body = await read(request);
    if (body === undefined) return answer(413, {});
    if (!isSigned(body, request.headers["strowger-signature"])) return answer(401, { error: "bad signature" });
    answer(200, { actions: decide(JSON.parse(body)) });
  } catch (error) {
    answer(400, { error: String(error) });
  }
});

server.listen(Number(port), "127.0.0.1", () => console.log(server.address().port));
