import { startTcpProxy } from '../../tools/redis-lab/tcp-proxy.js';

/** The slow network, in a process of its own. */
const proxy = await startTcpProxy(JSON.parse(process.argv[2] ?? '{}') as Parameters<typeof startTcpProxy>[0]);
process.send?.({ host: proxy.host, port: proxy.port });
