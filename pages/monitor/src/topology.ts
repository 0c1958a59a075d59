import { byId, setFacts, setText, svg } from './dom.js';
import { bytes, count, duration } from './format.js';
import type { MonitorState } from './model.js';

interface PictureNode {
  readonly address: string;
  /** `away`: the primary does not know it; `lost`: it was the primary; `unknown`: nobody says anything of it now. */
  readonly role: 'primary' | 'replica' | 'away' | 'lost' | 'unknown';
  readonly note: string;
}

const WIDTH = 380;
const NODE_Y = 122;
const SENTINEL_Y = 212;

/** The picture of Redis: who is the primary, who follows it and by how much, who watches, and what waits. */
export class TopologyPicture {
  /** In the order in which they were seen: a node keeps its place when its role goes to another. */
  readonly #addresses: string[] = [];
  #primary: string | null = null;
  #drawn = '';

  show(state: MonitorState): void {
    const { status, inspection } = state;
    const trouble = byId('trouble');
    trouble.hidden = !status?.trouble;
    setText(trouble, status?.trouble ?? '');
    if (!status) {
      setText(byId('redis-mode'), 'not in use');
      setFacts(byId('redis-facts'), [['Sessions live', 'in this process, or in a store of the application']]);
      return;
    }
    const sentinels = inspection?.sentinels ?? null;
    setText(byId('redis-mode'), status.mode);
    setFacts(byId('redis-facts'), [
      ['Primary', status.primary ?? 'none'],
      ['Round trip', inspection ? duration(inspection.roundTripMs) : '–'],
      ...(sentinels
        ? ([
            ['Sentinels', `${sentinels.reachable} of ${sentinels.known} answer`],
            ['Quorum', sentinels.quorum === null ? 'unknown' : sentinels.quorum ? 'can fail over' : 'cannot fail over'],
          ] as const)
        : []),
      [
        'Waiting',
        status.waiting === 0 ? 'nothing' : `${count(status.waiting)}, the oldest for ${duration(status.oldestMs)}`,
      ],
      ['Held, sent again', `${count(status.totals.held)}, ${count(status.totals.resent)}`],
      ['Acknowledged without a replica', count(status.totals.acknowledgedAlone)],
    ]);
    this.#draw(state, this.#nodes(state));
  }

  #nodes({ status, inspection }: MonitorState): readonly PictureNode[] {
    const replicas = inspection?.replicas ?? [];
    const primary = status?.state === 'lost' ? null : (status?.primary ?? null);
    for (const address of [primary, ...replicas.map((replica) => replica.address)]) {
      if (address !== null && !this.#addresses.includes(address)) this.#addresses.push(address);
    }
    this.#primary = primary ?? this.#primary;
    return this.#addresses.slice(-5).map((address) => {
      if (primary === null && address === this.#primary) return { address, role: 'lost', note: 'lost' };
      if (inspection === null && address !== primary) return { address, role: 'unknown', note: 'not asked' };
      const replica = replicas.find((one) => one.address === address);
      if (address === primary) return { address, role: 'primary', note: 'primary' };
      if (!replica?.online) return { address, role: 'away', note: 'not connected' };
      return { address, role: 'replica', note: replica.lagBytes > 0 ? `${bytes(replica.lagBytes)} behind` : 'in step' };
    });
  }

  #draw({ status, inspection }: MonitorState, nodes: readonly PictureNode[]): void {
    const sentinels = inspection?.sentinels ?? null;
    const waiting = status?.waiting ?? 0;
    const key = JSON.stringify([nodes, sentinels, waiting, status?.state]);
    if (key === this.#drawn) return;
    this.#drawn = key;
    const place = (index: number): number => (WIDTH * (index + 0.5)) / nodes.length;
    const primary = nodes.findIndex(({ role }) => role === 'primary');
    const label = [
      primary < 0 ? 'No primary is usable.' : `Primary ${nodes[primary]?.address ?? ''}.`,
      ...nodes.filter(({ role }) => role !== 'primary').map(({ address, note }) => `${address}: ${note}.`),
      sentinels ? `${sentinels.reachable} of ${sentinels.known} Sentinels answer.` : '',
      `${waiting} operations wait.`,
    ].join(' ');
    byId('topology').replaceChildren(
      svg(
        'svg',
        { viewBox: `0 0 ${WIDTH} ${sentinels ? 240 : 180}`, role: 'img', 'aria-label': label, class: 'picture' },
        ...(primary < 0
          ? [svg('path', { d: `M${WIDTH / 2} 52 V 88`, class: 'wire broken' })]
          : [svg('path', { d: wire(WIDTH / 2, 52, place(primary), NODE_Y - 34), class: 'wire' })]),
        ...nodes.flatMap(({ role }, index) =>
          role === 'replica' && primary >= 0
            ? [svg('path', { d: bow(place(primary), place(index)), class: 'wire follow' })]
            : [],
        ),
        ...application(waiting, status?.state ?? 'connecting'),
        ...nodes.flatMap((node, index) => drawn(node, place(index), nodes.length)),
        ...(sentinels ? watchers(sentinels) : []),
      ),
    );
  }
}

function application(waiting: number, state: string): SVGElement[] {
  const isUsable = state === 'ready' || state === 'degraded';
  return [
    svg('rect', { x: WIDTH / 2 - 86, y: 8, width: 172, height: 44, rx: 12, class: `box app ${isUsable ? '' : 'bad'}` }),
    svg('text', { x: WIDTH / 2, y: 27, class: 'name' }, 'application'),
    svg(
      'text',
      { x: WIDTH / 2, y: 43, class: `note ${waiting > 0 ? 'bad' : ''}` },
      waiting > 0 ? `${count(waiting)} waiting` : 'nothing waits',
    ),
  ];
}

function drawn({ address, role, note }: PictureNode, x: number, total: number): SVGElement[] {
  const width = Math.min(150, WIDTH / total - 10);
  return [
    svg('rect', { x: x - width / 2, y: NODE_Y - 34, width, height: 58, rx: 12, class: `box ${role}` }),
    svg(
      'text',
      { x, y: NODE_Y - 10, class: `name ${total > 2 ? 'tight' : ''}` },
      shortened(address, width, total > 2 ? 6.4 : 7.4),
    ),
    svg('text', { x, y: NODE_Y + 10, class: 'note' }, note),
  ];
}

function watchers({
  known,
  reachable,
  quorum,
}: {
  known: number;
  reachable: number;
  quorum: boolean | null;
}): SVGElement[] {
  const shown = Math.min(known, 9);
  const dots = Array.from({ length: shown }, (_, index) =>
    svg('circle', {
      cx: WIDTH / 2 + (index - (shown - 1) / 2) * 26,
      cy: SENTINEL_Y - 12,
      r: 8,
      class: `sentinel ${index < reachable ? 'there' : 'away'}`,
    }),
  );
  const text = quorum === false ? 'Sentinels: no quorum' : `${reachable} of ${known} Sentinels`;
  return [
    ...dots,
    svg('text', { x: WIDTH / 2, y: SENTINEL_Y + 16, class: `note ${quorum === false ? 'bad' : ''}` }, text),
  ];
}

function wire(x1: number, y1: number, x2: number, y2: number): string {
  const middle = (y1 + y2) / 2;
  return `M${x1} ${y1} C ${x1} ${middle}, ${x2} ${middle}, ${x2} ${y2}`;
}

/** Under the nodes, from the primary to one that follows it. */
function bow(x1: number, x2: number): string {
  const y = NODE_Y + 24;
  return `M${x1} ${y} C ${x1} ${y + 30}, ${x2} ${y + 30}, ${x2} ${y}`;
}

function shortened(address: string, width: number, letter: number): string {
  const most = Math.floor((width - 8) / letter);
  return address.length <= most ? address : `…${address.slice(1 - most)}`;
}
