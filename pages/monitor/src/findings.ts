import { ApiError, read } from './api.js';
import { byId, h, setText } from './dom.js';
import { clock } from './format.js';
import type { Reads } from './model.js';

/** Asks the doctor, and shows each finding with what mends it. */
export async function showFindings(isFresh: boolean): Promise<void> {
  const button = byId('examine', HTMLButtonElement);
  button.disabled = true;
  try {
    show(await read('findings', isFresh ? { fresh: '1' } : {}));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    setText(byId('findings-note'), '');
    byId('findings').replaceChildren(h('li', { class: 'empty' }, error.message));
  } finally {
    button.disabled = false;
  }
}

const WORDS = { error: 'Error', warning: 'Warning', info: 'Note' } as const;
const TONES = { error: 'error', warning: 'warn', info: 'idle' } as const;

function show({ atMs, findings }: Reads['findings']): void {
  setText(byId('findings-note'), `at ${clock(atMs)}`);
  byId('findings').replaceChildren(
    ...(findings.length === 0
      ? [h('li', { class: 'empty' }, 'All is well: nothing to mend.')]
      : grouped(findings).map(({ id, severity, whats, why, fix }) =>
          h(
            'li',
            { 'data-tone': TONES[severity], 'data-id': id },
            ...whats.map((what) =>
              h('p', { class: 'what' }, h('span', { class: 'badge' }, WORDS[severity]), ' ', what),
            ),
            h('p', { class: 'why' }, why),
            h('p', { class: 'fix' }, h('span', { class: 'fix-name' }, 'Fix'), ' ', fix),
          ),
        )),
  );
}

type Finding = Reads['findings']['findings'][number];

/** The same thing on several servers is mended in the same way. */
function grouped(findings: readonly Finding[]): readonly (Finding & { readonly whats: readonly string[] })[] {
  const groups = new Map<string, Finding & { whats: string[] }>();
  for (const finding of findings) {
    const key = JSON.stringify([finding.id, finding.why, finding.fix]);
    const group = groups.get(key);
    if (group) group.whats.push(finding.what);
    else groups.set(key, { ...finding, whats: [finding.what] });
  }
  return [...groups.values()];
}
