// The workloads of bench/run on Node: async functions, promises, timers.
//   node node.mjs WORKLOAD SECONDS N
import { readFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { createServer } from "node:net";
import { setTimeout as sleep, setImmediate as nextTurn } from "node:timers/promises";

const workload = process.argv[2];
const [seconds, count] = process.argv.slice(3).map(Number);
const now = () => Number(process.hrtime.bigint()) * 1e-9;

async function repeated(batch) {
  let total = 0;
  let done = 0;
  do total += (await batch())[0]; while (total < seconds / 5);
  total = 0;
  do {
    const [elapsed, ops] = await batch();
    total += elapsed;
    done += ops;
  } while (total < seconds);
  console.log("ns", (total / done * 1e9).toFixed(4));
}

const whole = (ops, f) => repeated(async () => {
  const start = now();
  await f();
  return [now() - start, ops];
});

async function empty() {}

function spawnAndJoin(n, f) {
  const tasks = [];
  for (let i = 0; i < n; i++) tasks.push(f(i));
  return Promise.all(tasks);
}

function often(tasks, perTask, f) {
  const task = async () => { for (let i = 0; i < perTask; i++) await f(); };
  return whole(tasks * perTask, () => spawnAndJoin(tasks, task));
}

// `await` of what is no promise gives the other tasks a turn.
function yieldOften(tasks, perTask) {
  const task = async () => { for (let i = 0; i < perTask; i++) await null; };
  return whole(tasks * perTask, () => spawnAndJoin(tasks, task));
}

// Stops waiting for f after a while; f itself would run on. (With an AbortController, which
// could end f too, it takes four times as long.)
async function withTimeout(ms, f) {
  let timer;
  const late = new Promise((resolve) => { timer = setTimeout(resolve, ms); });
  try {
    return await Promise.race([f(), late]);
  } finally {
    clearTimeout(timer);
  }
}

async function timeouts() {
  for (let i = 0; i < 10000; i++) await withTimeout(10000, empty);
}

// All tasks wait for one promise, which the controller's signal rejects. A listener of each
// task on one signal takes minutes (adding one costs in proportion to those there), and a
// controller for each task 12 us.
async function cancelAll() {
  const controller = new AbortController();
  const aborted = new Promise((_, reject) => {
    controller.signal.addEventListener("abort", () => reject(controller.signal.reason));
  });
  const task = async () => { await aborted; };
  const ended = Promise.allSettled(Array.from({ length: count }, task));
  await nextTurn();
  const start = now();
  controller.abort();
  await ended;
  return [now() - start, count];
}

function residentKB() {
  const status = readFileSync("/proc/self/status", "utf8");
  return Number(/VmRSS:\s*(\d+)/.exec(status)[1]);
}

function cpuSeconds() {
  const used = process.cpuUsage();
  return (used.user + used.system) * 1e-6;
}

async function sleepers() {
  let woken = 0;
  const kb = residentKB();
  const cpu = cpuSeconds();
  const tasks = [];
  for (let i = 0; i < count; i++) {
    const pause = seconds * (1 + 0.5 * (i * 7919 % count) / count);
    tasks.push((async () => { await sleep(pause * 1000); woken++; })());
  }
  const ended = Promise.all(tasks);
  await nextTurn();
  const grown = residentKB() - kb;
  if (woken > 0) throw new Error("some woke before all slept");
  await ended;
  console.log("us", ((cpuSeconds() - cpu) * 1e6 / count).toFixed(4));
  console.log("kb", (grown / count).toFixed(4));
}

// Sends back what comes; more is taken only when that is out.
function echo(socket) {
  socket.on("data", (data) => {
    if (!socket.write(data)) {
      socket.pause();
      socket.once("drain", () => socket.resume());
    }
  });
}

const block = Buffer.alloc(65536);

function sendOn(socket) {
  while (socket.write(block));
  socket.once("drain", () => sendOn(socket));
}

function receive(socket) {
  socket.on("data", () => {});
}

const serve = (handle) => new Promise(() => {
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on("error", () => {}); // the client has gone
    handle(socket);
  });
  server.listen({ host: "127.0.0.1", port: 0, backlog: 1024 },
    () => console.log("port", server.address().port));
});

async function readFile() {
  const buffer = Buffer.alloc(65536);
  const file = await open(process.env.BENCH_FILE);
  let total = 0;
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
    if (bytesRead === 0) break;
    total += bytesRead;
  }
  await file.close();
  return total;
}

async function readFiles() {
  await readFile();
  const start = now();
  let done = 0;
  let elapsed = 0;
  while (elapsed < seconds) {
    done += await readFile();
    elapsed = now() - start;
  }
  console.log("rate", (done / elapsed / 1e9).toFixed(4));
}

const workloads = {
  "waves": () => whole(1000, () => spawnAndJoin(1000, empty)),
  "burst": () => whole(count, () => spawnAndJoin(count, empty)),
  "switch-1": () => yieldOften(1, 20000),
  "switch-1000": () => yieldOften(1000, 200),
  "sleep-0": () => often(1000, 20, nextTurn), // a timeout of 0 is one of 1 ms
  "timeout": () => whole(10000, timeouts),
  "cancel": () => repeated(cancelAll),
  "sleepers": sleepers,
  "serve-echo": () => serve(echo),
  "serve-send": () => serve(sendOn),
  "serve-receive": () => serve(receive),
  "file": readFiles,
  "startup": empty,
};

if (!(workload in workloads)) process.exit(77);
await workloads[workload]();
