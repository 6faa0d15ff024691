// Looks up each argument but the first, which is what to call, and prints a
// line: "time name address ...", "time name none" or "time name error: code";
// the time is when the lookup began, in seconds since 1970.
//
// `lookup` is libc's getaddrinfo in a thread, `resolve4` is c-ares.
'use strict';
const dns = require('dns').promises;

const calls = {
  lookup: async (name) => (await dns.lookup(name, { all: true })).map((found) => found.address),
  resolve4: (name) => dns.resolve4(name),
};

// When performance.now() was zero. Date.now() has only milliseconds, and a
// lookup takes less, so it is read as it turns to the next one. Whoever loses
// the processor then is late, so the latest origin of some is the best;
// performance.timeOrigin is one reading of two clocks, whatever came between.
function turnOfAMillisecond() {
  const before = Date.now();
  let now;
  do {
    now = Date.now();
  } while (now === before);
  return now - performance.now();
}

const origin = Math.max(...Array.from({ length: 5 }, turnOfAMillisecond));

async function outcome(call, name) {
  try {
    return (await call(name)).join(' ');
  } catch (error) {
    return ['ENOTFOUND', 'ENODATA'].includes(error.code) ? 'none' : `error: ${error.code}`;
  }
}

async function main([call, ...names]) {
  for (const name of names) {
    const began = (origin + performance.now()) / 1000;
    console.log(began.toFixed(6), name, await outcome(calls[call], name));
  }
}

main(process.argv.slice(2));
