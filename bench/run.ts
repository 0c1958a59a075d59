import { pinThisProcess } from './machine.js';
import { runHttpBench } from './http/http-bench.js';
import { SMOKE } from './http/plan.js';
import { startServers } from './http/servers.js';
import { variantNamed } from './http/variants.js';
pinThisProcess(1);
const servers = await startServers();
console.log('rtt', servers.delayedRoundTripMs);
try {
const r = await runHttpBench({plan: SMOKE, variants: (process.argv[2]??'none,bound,memory,connect-redis-8,connect-redis-9').split(',').map(variantNamed), servers, progress: t=>console.error(t)});
for (const s of r.samples) console.log(s.variant, s.operation, s.bytes, s.connections, s.isDelayed, s.requestsPerSecond.toFixed(0), s.cpuMicros.toFixed(0), s.p50Ms.toFixed(2), s.p99Ms.toFixed(2), s.failures, s.loadShare.toFixed(2), s.redis && Object.values(s.redis).map(v=>v.toFixed(1)).join(' '));
for (const e of r.exact) console.log(JSON.stringify(e));
console.log(r.skipped)
} finally { await servers.stop(); }
