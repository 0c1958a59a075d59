import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { short, textTable } from './text-table.js';

interface CallFrame {
  readonly functionName: string;
  /** Empty for native code. */
  readonly url: string;
  readonly lineNumber: number;
}

interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: CallFrame;
    readonly children?: readonly number[];
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

const TOP_FUNCTIONS = 45;
const OURS = 'nestjs-ha-session';
/** Not work: waiting, and the profiler's own frames. */
const IDLE = new Set(['(idle)', '(root)']);

/** Whose code took the time, for every profile in a directory; and the costliest functions. */
export function profileReport(directory: string): string {
  const files = readdirSync(directory).filter((name) => name.endsWith('.cpuprofile'));
  return files
    .sort()
    .map((name) => summaryOf(join(directory, name)))
    .join('\n\n');
}

function summaryOf(file: string): string {
  const profile = JSON.parse(readFileSync(file, 'utf8')) as CpuProfile;
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const parents = new Map(
    profile.nodes.flatMap((node) => (node.children ?? []).map((child) => [child, node.id] as const)),
  );
  const callerOf = (id: number): CallFrame | undefined => {
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      const frame = nodes.get(at)?.callFrame;
      if (frame && frame.url !== '') return frame;
    }
    return undefined;
  };
  const [owners, files, functions] = [new Map<string, number>(), new Map<string, number>(), new Map<string, number>()];
  let total = 0;
  for (const [index, id] of profile.samples.entries()) {
    const frame = nodes.get(id)?.callFrame;
    if (!frame || IDLE.has(frame.functionName)) continue;
    const micros = profile.timeDeltas[index] ?? 0;
    // What V8 and the C++ side do is charged to whoever called it.
    const caller = callerOf(id);
    // The profiler's own start.
    if (caller?.url === 'node:inspector') continue;
    total += micros;
    const owner = caller ? ownerOf(caller.url) : frame.functionName;
    add(owners, owner, micros);
    if (!caller) continue;
    if (owner === OURS) add(files, placeOf(caller.url), micros);
    const place = `${caller.functionName || '(anonymous)'} ${placeOf(caller.url)}:${caller.lineNumber + 1}`;
    add(functions, frame === caller ? place : `${frame.functionName} < ${place}`, micros);
  }
  const rows = (counts: ReadonlyMap<string, number>, limit: number): string[][] =>
    [...counts]
      .sort((a, b) => b[1] - a[1])
      .slice(0, limit)
      .map(([name, micros]) => [name, `${short((micros / total) * 100, 1)}%`]);
  return [
    `${basename(file, '.cpuprofile')}: ${short(total / 1_000)} ms on the CPU; own time, native code charged to its caller`,
    textTable(['package', 'share'], rows(owners, 14)),
    ...(files.size > 0 ? [textTable(['file of ours', 'share'], rows(files, TOP_FUNCTIONS))] : []),
    textTable(['function', 'share'], rows(functions, TOP_FUNCTIONS)),
  ].join('\n');
}

function add(counts: Map<string, number>, name: string, micros: number): void {
  counts.set(name, (counts.get(name) ?? 0) + micros);
}

function ownerOf(url: string): string {
  if (url.startsWith('node:')) return 'node';
  const packageName = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1];
  if (packageName !== undefined) return packageName;
  return url.includes('/dist/') ? OURS : 'bench';
}

function placeOf(url: string): string {
  return url.replace(/^.*\/(?:node_modules|dist)\//, '');
}
