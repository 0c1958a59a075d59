import type { SummaryRow } from './summary.js';

const WIDTH = 980;
const LABEL = 250;
const BAR = 20;
const GAP = 6;
const HEAD = 34;
/** Okabe and Ito's colours: told apart by everybody. */
const COLOURS: Readonly<Record<string, string>> = {
  none: '#999999',
  bound: '#777777',
  memory: '#bbbbbb',
  'connect-redis-8': '#e69f00',
  'connect-redis-9': '#d55e00',
  ours: '#0072b2',
  'ours-near': '#009e73',
  'ours-replicated': '#56b4e9',
};

interface Panel {
  readonly title: string;
  readonly unit: string;
  readonly rows: readonly {
    readonly variant: string;
    readonly label: string;
    readonly value: number;
    readonly min: number;
    readonly max: number;
  }[];
}

/** Bars of server CPU per request, and of p50 with a slow network; the thin line is the spread over the rounds. */
export function chartOf(rows: readonly SummaryRow[], caption: string): string {
  const panels = panelsOf(rows);
  let y = 30;
  const parts: string[] = [];
  for (const { title, unit, rows: bars } of panels) {
    parts.push(text(16, y + 18, title, 'font-weight="600" font-size="14"'));
    y += HEAD;
    const scale = (WIDTH - LABEL - 110) / Math.max(...bars.map((bar) => bar.max));
    for (const { variant, label, value, min, max } of bars) {
      const middle = y + BAR / 2;
      const colour = COLOURS[variant] ?? '#cc79a7';
      parts.push(
        text(LABEL - 8, middle + 4, label, 'text-anchor="end"'),
        `<rect x="${LABEL}" y="${y}" width="${(value * scale).toFixed(1)}" height="${BAR}" fill="${colour}"/>`,
        `<line x1="${(LABEL + min * scale).toFixed(1)}" x2="${(LABEL + max * scale).toFixed(1)}" y1="${middle}" y2="${middle}" stroke="#222" stroke-width="1.5"/>`,
        text(
          LABEL + max * scale + 8,
          middle + 4,
          `${value.toLocaleString('en', { maximumFractionDigits: unit === 'ms' ? 2 : 0 })} ${unit}`,
        ),
      );
      y += BAR + GAP;
    }
    y += 12;
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${y + 30}" viewBox="0 0 ${WIDTH} ${y + 30}" font-family="system-ui, sans-serif" font-size="12" fill="#222">`,
    `<rect width="100%" height="100%" fill="#ffffff"/>`,
    ...parts,
    text(16, y + 14, caption, 'fill="#666" font-size="11"'),
    '</svg>',
    '',
  ].join('\n');
}

function panelsOf(rows: readonly SummaryRow[]): Panel[] {
  const panels: Panel[] = [];
  const keys = [
    ...new Set(
      rows.map(({ operation, bytes, connections, isDelayed }) =>
        JSON.stringify({ operation, bytes, connections, isDelayed }),
      ),
    ),
  ];
  for (const key of keys) {
    const cell = JSON.parse(key) as Pick<SummaryRow, 'operation' | 'bytes' | 'connections' | 'isDelayed'>;
    // One number of connections tells the story; the rest is in the tables.
    const isShown = cell.operation === 'read' || cell.operation === 'change';
    if (!isShown || cell.connections === 1 || cell.connections === 256) continue;
    const own = rows.filter(
      (row) =>
        row.operation === cell.operation &&
        row.bytes === cell.bytes &&
        row.connections === cell.connections &&
        row.isDelayed === cell.isDelayed,
    );
    const what = cell.operation === 'read' ? 'Reading an established session' : 'Changing one field';
    const figure = cell.isDelayed ? 'median response time, 5 ms to Redis' : 'server CPU per request';
    panels.push({
      title: `${what}, ${cell.bytes / 1_024} KB: ${figure}`,
      unit: cell.isDelayed ? 'ms' : '\u00b5s',
      rows: own.map((row) => {
        const { median, min, max } = cell.isDelayed ? row.p50Ms : row.cpuMicros;
        return { variant: row.variant, label: row.label, value: median, min, max };
      }),
    });
  }
  return panels;
}

function text(x: number, y: number, content: string, attributes = ''): string {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${attributes}>${escaped}</text>`;
}
