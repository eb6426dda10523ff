// Sends prepared HTTP requests over a fixed number of connections, each as fast as it is answered.
//
//   node load.mjs PORT CONNECTIONS FILE FROM TO
//
// FILE holds whole requests, each after its length in four bytes. Prints one line of JSON: seconds,
// milliseconds of each answer as percentiles, and how many answers had which status. Plain sockets:
// a client that parses and allocates more would measure itself.
import { readFileSync } from "node:fs";
import { connect } from "node:net";

const [port, connections, file, from, to] = process.argv.slice(2);
const requests = read(file).slice(Number(from), Number(to));
const milliseconds = [];
const statuses = {};
let next = 0;

function read(path) {
  const bytes = readFileSync(path);
  const found = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 4 + bytes.readUInt32BE(at);
    found.push(bytes.subarray(at + 4, end));
    at = end;
  }
  return found;
}

function isWhole(answer) {
  const head = answer.indexOf("\r\n\r\n");
  if (head < 0) return false;
  const length = /content-length: (\d+)/i.exec(answer.latin1Slice(0, head));
  return answer.length >= head + 4 + Number(length?.[1] ?? 0);
}

function run() {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), "127.0.0.1");
    socket.setNoDelay(true);
    let begun;
    let answer = Buffer.alloc(0);
    const send = () => {
      if (next === requests.length) return socket.end(resolve);
      begun = performance.now();
      socket.write(requests[next++]);
    };
    socket.on("connect", send);
    socket.on("error", reject);
    socket.on("data", (chunk) => {
      answer = answer.length ? Buffer.concat([answer, chunk]) : chunk;
      if (!isWhole(answer)) return;
      milliseconds.push(performance.now() - begun);
      const status = answer.latin1Slice(9, 12);
      statuses[status] = (statuses[status] ?? 0) + 1;
      answer = Buffer.alloc(0);
      send();
    });
  });
}

const begun = performance.now();
await Promise.all(Array.from({ length: Number(connections) }, run));
const seconds = (performance.now() - begun) / 1000;
milliseconds.sort((a, b) => a - b);
const percentile = (share) => milliseconds[Math.floor((milliseconds.length - 1) * share)];
console.log(
  JSON.stringify({ seconds, p50: percentile(0.5), p99: percentile(0.99), statuses }),
);
