/** Types that a header may give an argument, and the TypeScript type of each. */
const ARG_TYPES: Readonly<Record<string, string>> = {
  ms: 'number',
  count: 'number',
  text: 'string',
  json: 'string',
  flag: 'boolean',
  'fields…': 'ReadonlyMap<string, string>',
  'names…': 'readonly string[]',
  'texts…': 'readonly string[]',
};

/** Types that a header may give a value of a reply. */
const REPLY_TYPES: Readonly<Record<string, string>> = { ms: 'number', count: 'number', text: 'string' };

/** One key, argument or value of a reply. */
export interface HeaderItem {
  readonly name: string;
  readonly type: string;
  /** Whether it may be left out. */
  readonly isOptional: boolean;
  /** Whether it stands for any number of values, and comes last. */
  readonly isList: boolean;
  readonly note: string;
}

/** Replies of a script: outcomes with their values, or one bare value. */
export type HeaderReply =
  | { readonly kind: 'outcomes'; readonly outcomes: readonly HeaderOutcome[] }
  | { readonly kind: 'value'; readonly value: HeaderItem };

/** One outcome of a script. */
export interface HeaderOutcome {
  /** `done`, or why nothing was done. */
  readonly name: string;
  readonly values: readonly HeaderItem[];
  readonly note: string;
}

/** All that a script's header states. */
export interface ScriptHeader {
  readonly name: string;
  readonly summary: string;
  readonly isWrite: boolean;
  readonly keys: readonly HeaderItem[];
  /** Without `notAfterMs`, which the link puts first. */
  readonly args: readonly HeaderItem[];
  readonly reply: HeaderReply;
}

const TAGS = ['write', 'read', 'key', 'arg', 'reply'];

/** Reads and checks the header of one script; throws an error that names the file and the fault. */
export function parseHeader(file: string, text: string): ScriptHeader {
  const fail = (fault: string): never => {
    throw new Error(`lib/scripts/${file}: ${fault}`);
  };
  const title = /^--- ([a-z-]+): (.+)$/m.exec(text) ?? fail('the first line must be `--- name: summary`');
  const tags = [...text.matchAll(/^-- @(\w+) *(.*)$/gm)].map(([, tag = '', rest = '']) => ({ tag, rest }));
  const of = (wanted: string) => tags.filter(({ tag }) => tag === wanted).map(({ rest }) => rest);
  const unknown = tags.find(({ tag }) => !TAGS.includes(tag));
  if (unknown) fail(`unknown tag @${unknown.tag}`);
  if (`${title[1] ?? ''}.lua` !== file) fail(`the header names it ${title[1] ?? ''}`);
  const isWrite = of('write').length > 0;
  if (isWrite === of('read').length > 0) fail('say either @write or @read');
  const keys = of('key').map((rest) => itemOf(rest));
  const args = of('arg').map((rest) => itemOf(rest));
  if (keys.length === 0) fail('name its keys by @key');
  if (isWrite && args[0]?.name !== 'notAfterMs') fail('a script that writes takes notAfterMs first');
  for (const { name, type, isList } of args) {
    if (!argType(type, isList)) fail(`argument ${name} is of the unknown type ${type}`);
  }
  const highest = (array: string) =>
    Math.max(0, ...[...text.matchAll(new RegExp(`${array}\\[(\\d+)\\]`, 'g'))].map((match) => Number(match[1])));
  if (highest('KEYS') !== keys.length) fail(`the header names ${keys.length} keys, the text uses ${highest('KEYS')}`);
  if (highest('ARGV') > args.length)
    fail(`the header names ${args.length} arguments, the text uses ${highest('ARGV')}`);
  return {
    name: title[1] ?? '',
    summary: title[2] ?? '',
    isWrite,
    keys,
    args: isWrite ? args.slice(1) : args,
    reply: replyOf(of('reply'), fail),
  };
}

/** The TypeScript type of an argument; `undefined`: there is no such type. */
export function argType(type: string, isList: boolean): string | undefined {
  return ARG_TYPES[isList ? `${type}…` : type];
}

/** The TypeScript type of a value of a reply. */
export function replyType({ type, isList }: HeaderItem): string {
  const one = REPLY_TYPES[type] ?? 'never';
  return isList ? `readonly ${one}[]` : one;
}

/** `name? type note` */
function itemOf(rest: string): HeaderItem {
  const [, name = '', mark = '', type = '', note = ''] = /^(\w+)([?…]?) +(\S+) *(.*)$/.exec(rest) ?? [];
  return { name, type, note, isOptional: mark === '?', isList: mark === '…' };
}

function replyOf(lines: readonly string[], fail: (fault: string) => never): HeaderReply {
  if (lines.length === 0) fail('name its replies by @reply');
  if (!lines[0]?.startsWith('[')) {
    if (lines.length !== 1) fail('a bare reply is one line: name:type, or name…:type');
    return { kind: 'value', value: valueOf(lines[0] ?? '', fail) };
  }
  const outcomes = lines.map((line) => outcomeOf(line, fail));
  const names = outcomes.map(({ name }) => name);
  if (new Set(names).size !== names.length) fail('two replies have one outcome');
  return { kind: 'outcomes', outcomes };
}

/** `[1, now, name:type, …]` or `[0, now, reason, …]`, and a note. */
function outcomeOf(line: string, fail: (fault: string) => never): HeaderOutcome {
  const match =
    /^\[([01]), now(?:, ([^\]]+))?\] *(.*)$/.exec(line) ?? fail(`the reply ${line} is not [0 or 1, now, …]`);
  const parts = match[2]?.split(', ') ?? [];
  const name = match[1] === '1' ? 'done' : (parts.shift() ?? fail(`the reply ${line} gives no reason`));
  const values = parts.map((part) => valueOf(part, fail));
  const misplaced = values.findIndex(({ isList, isOptional }) => isList || isOptional);
  if (misplaced >= 0 && misplaced !== values.length - 1)
    fail(`in ${line} only the last value may be optional or a list`);
  return { name, values, note: match[3] ?? '' };
}

/** `name:type`, `name?:type`, `name…:type` */
function valueOf(text: string, fail: (fault: string) => never): HeaderItem {
  const match = /^(\w+)([?…]?):(\w+) *(.*)$/.exec(text) ?? fail(`the value ${text} of a reply is not name:type`);
  const [, name = '', mark = '', type = '', note = ''] = match;
  if (!(type in REPLY_TYPES)) fail(`the value ${name} of a reply is of the unknown type ${type}`);
  return { name, type, note, isOptional: mark === '?', isList: mark === '…' };
}
