import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isAlive, leftovers } from './child-processes.js';
import { reserveNumber } from './ports.js';

const NAME_PREFIX = 'redis-lab';

/** A machine of the lab: a network namespace with one address. */
export interface LabHost {
  readonly name: string;
  /** Its address; it uses no other. */
  readonly ip: string;
  /** Runs a command on this machine; the process is the command itself, so that signals reach it. */
  readonly prefix: readonly string[];
}

/**
 * Machines on one switch, made of network namespaces. This process reaches every machine over a link of its own that no
 * cut touches, so that a test can look at a machine which is cut off from all others.
 */
export interface LabNetwork {
  /** The machine of that name; made when first asked for. */
  host(name: string): LabHost;
  /** Makes a name lead to these machines, on every machine and from now on; to none: it is unknown. */
  setName(name: string, hosts: readonly LabHost[]): void;
  /** Drops all packets between each of the one side and each of the other; nothing is refused, nobody is told. */
  cut(side: readonly LabHost[], otherSide: readonly LabHost[]): void;
  /** Drops only what goes from the one side to the other. */
  cutOneWay(from: readonly LabHost[], to: readonly LabHost[]): void;
  /** Cuts machines off from all others; among themselves they still talk. */
  isolate(hosts: readonly LabHost[]): void;
  /** Drops a fifth of the packets between each of the one side and each of the other. */
  disturb(side: readonly LabHost[], otherSide: readonly LabHost[]): void;
  /** Lets everything through again. */
  heal(): void;
  stop(): void;
}

/** Why machines cannot be made here, or `undefined` when they can. */
export function whyNoNetwork(): string | undefined {
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  const name = `${NAME_PREFIX}-${process.pid}-probe`;
  try {
    run(['ip', 'netns', 'add', name]);
    run(['ip', '-n', name, 'link', 'add', 'br0', 'type', 'bridge']);
    run(['ip', 'netns', 'exec', name, 'nft', '-f', '-'], FIREWALL);
    return undefined;
  } catch (error) {
    return `network namespaces do not work here: ${(error as Error).message.split('\n').slice(0, 2).join(' ')}`;
  } finally {
    spawnSync('ip', ['netns', 'del', name]);
  }
}

// The receiver drops: so one direction can be cut without the other.
const FIREWALL = `table ip lab {
  set silenced { type ipv4_addr; }
  set lossy { type ipv4_addr; }
  chain input { type filter hook input priority 0; policy accept; ip saddr @silenced drop; ip saddr @lossy numgen random mod 100 < 20 drop; }
}
`;

class LabNamespaces implements LabNetwork {
  readonly #hosts = new Map<string, LabHost>();
  readonly #names = new Map<string, readonly LabHost[]>();
  readonly #id: string;
  readonly #subnet: string;
  readonly #uplink: string;
  readonly #release: () => void;

  constructor(reserved: { number: number; release(): void }) {
    this.#id = `${NAME_PREFIX}-${process.pid}-${reserved.number}`;
    this.#subnet = `10.213.${reserved.number}`;
    this.#release = reserved.release;
    this.#uplink = `rlab${reserved.number}`;
    const [uplink, bridge] = [this.#uplink, this.#bridge];
    leftovers.add(this, () => this.#remove());
    run(['ip', 'netns', 'add', bridge]);
    run(['ip', '-n', bridge, 'link', 'add', 'br0', 'type', 'bridge']);
    run(['ip', '-n', bridge, 'link', 'set', 'br0', 'up']);
    run(['ip', 'link', 'add', uplink, 'type', 'veth', 'peer', 'name', 'uplink', 'netns', bridge]);
    run(['ip', '-n', bridge, 'link', 'set', 'uplink', 'master', 'br0', 'up']);
    run(['ip', 'addr', 'add', `${this.#subnet}.254/24`, 'dev', uplink]);
    run(['ip', 'link', 'set', uplink, 'up']);
  }

  get #bridge(): string {
    return `${this.#id}-bridge`;
  }

  host(name: string): LabHost {
    const known = this.#hosts.get(name);
    if (known) return known;
    const number = this.#hosts.size + 1;
    const namespace = `${this.#id}-${name}`;
    const host = { name, ip: `${this.#subnet}.${number}`, prefix: ['ip', 'netns', 'exec', namespace] };
    this.#hosts.set(name, host);
    this.#writeNames(namespace);
    run(['ip', 'netns', 'add', namespace]);
    run([
      'ip',
      '-n',
      namespace,
      'link',
      'add',
      'eth0',
      'type',
      'veth',
      'peer',
      'name',
      `port${number}`,
      'netns',
      this.#bridge,
    ]);
    run(['ip', '-n', this.#bridge, 'link', 'set', `port${number}`, 'master', 'br0', 'up']);
    run(['ip', '-n', namespace, 'addr', 'add', `${host.ip}/24`, 'dev', 'eth0']);
    run(['ip', '-n', namespace, 'link', 'set', 'eth0', 'up']);
    run(['ip', '-n', namespace, 'link', 'set', 'lo', 'up']);
    run([...host.prefix, 'nft', '-f', '-'], FIREWALL);
    return host;
  }

  setName(name: string, hosts: readonly LabHost[]): void {
    this.#names.set(name, hosts);
    for (const host of this.#hosts.keys()) this.#writeNames(`${this.#id}-${host}`);
  }

  /** `ip netns exec` puts this file in the place of `/etc/hosts`: written in place, it is read by those who run already. */
  #writeNames(namespace: string): void {
    const file = hostsFileOf(namespace);
    mkdirSync(dirname(file), { recursive: true });
    const lines = [...this.#names].flatMap(([name, hosts]) => hosts.map(({ ip }) => `${ip} ${name}`));
    writeFileSync(file, `127.0.0.1 localhost\n${lines.join('\n')}\n`);
  }

  cut(side: readonly LabHost[], otherSide: readonly LabHost[]): void {
    // One host stops to hear all others in one moment, several one after the other: so the smaller side begins. Were a primary
    // cut from its replica first, it would rightly be proven to be alone by Sentinels that it is cut from next.
    const [few, many] = side.length <= otherSide.length ? [side, otherSide] : [otherSide, side];
    this.cutOneWay(many, few);
    this.cutOneWay(few, many);
  }

  cutOneWay(from: readonly LabHost[], to: readonly LabHost[]): void {
    this.#mark('silenced', from, to);
  }

  disturb(side: readonly LabHost[], otherSide: readonly LabHost[]): void {
    this.#mark('lossy', side, otherSide);
    this.#mark('lossy', otherSide, side);
  }

  #mark(set: 'silenced' | 'lossy', from: readonly LabHost[], to: readonly LabHost[]): void {
    for (const host of to) {
      const sources = from.filter((source) => source !== host).map((source) => source.ip);
      if (sources.length > 0)
        run([...host.prefix, 'nft', 'add', 'element', 'ip', 'lab', set, `{ ${sources.join(', ')} }`]);
    }
  }

  isolate(hosts: readonly LabHost[]): void {
    this.cut(
      hosts,
      [...this.#hosts.values()].filter((host) => !hosts.includes(host)),
    );
  }

  heal(): void {
    for (const host of this.#hosts.values()) {
      for (const set of ['silenced', 'lossy']) run([...host.prefix, 'nft', 'flush', 'set', 'ip', 'lab', set]);
    }
  }

  stop(): void {
    leftovers.remove(this);
    this.#remove();
    this.#release();
  }

  #remove(): void {
    spawnSync('ip', ['link', 'del', this.#uplink]);
    for (const host of this.#hosts.keys()) removeNamespace(`${this.#id}-${host}`);
    spawnSync('ip', ['netns', 'del', this.#bridge]);
  }
}

/** Makes an empty network. @throws Error when `whyNoNetwork()` gives a reason */
export function createLabNetwork(): LabNetwork {
  sweepOrphans();
  return new LabNamespaces(reserveNumber('network', 250));
}

/** A process that was killed by SIGKILL could not remove its namespaces. */
function sweepOrphans(): void {
  for (const name of existsSync('/run/netns') ? readdirSync('/run/netns') : []) {
    const pid = new RegExp(`^${NAME_PREFIX}-(\\d+)-`).exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) removeNamespace(name);
  }
}

function hostsFileOf(namespace: string): string {
  return join('/etc/netns', namespace, 'hosts');
}

function removeNamespace(name: string): void {
  spawnSync('ip', ['netns', 'del', name]);
  rmSync(dirname(hostsFileOf(name)), { recursive: true, force: true });
}

function run(command: readonly string[], input?: string): void {
  const [program, ...args] = command as [string, ...string[]];
  execFileSync(program, args, { stdio: ['pipe', 'pipe', 'pipe'], ...(input !== undefined && { input }) });
}
