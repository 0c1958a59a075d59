import type { RedisNodeSurvey, RedisSurveyOptions } from '../../core/redis-survey.js';
import { parseInfo, parseRole } from '../connection/node-report.js';
import { ServerQuestions, type SendCommand } from './server-question.js';

/** One data node to ask. @internal */
export interface NodeSource {
  readonly address: string;
  readonly send: SendCommand;
  readonly isAuthenticated: boolean;
  readonly isEncrypted: boolean;
}

/** Settings that `INFO` does not tell. */
const SETTINGS = ['save', 'timeout', 'repl-timeout', 'cluster-node-timeout', 'cluster-preferred-endpoint-type'];

/** Commands that nobody who stores sessions needs, each with arguments that a dry run takes. */
const DANGEROUS: readonly (readonly [string, ...string[]])[] = [
  ['flushall'],
  ['keys', '*'],
  ['swapdb', '0', '1'],
  ['shutdown'],
  ['config', 'get', '*'],
  ['client', 'kill', '127.0.0.1:1'],
];

/**
 * Asks one data node what it is and how it is set.
 *
 * @throws ConnectionLostError when it does not answer.
 * @internal
 */
export async function surveyNode(source: NodeSource, { isThorough }: RedisSurveyOptions): Promise<RedisNodeSurvey> {
  const questions = new ServerQuestions(source.send);
  const [role, info] = await Promise.all([
    questions.ask('role'),
    questions.ask('info'),
    questions.ask('time'),
    questions.ask('eval', 'return 1', '0'),
    questions.ask('wait', '0', '1'),
  ]);
  const facts = parseInfo(info);
  return {
    address: source.address,
    error: null,
    role: parseRole(role).role ?? facts.get('role') ?? null,
    info: facts,
    config: isThorough ? await settingsOf(questions) : null,
    dangerous: isThorough ? await dangerousOf(questions) : null,
    refused: questions.refused,
    isAuthenticated: source.isAuthenticated,
    isEncrypted: source.isEncrypted,
  };
}

async function settingsOf(questions: ServerQuestions): Promise<ReadonlyMap<string, string> | null> {
  const settings = new Map<string, string>();
  // One by one: before Redis 7 the command takes a single pattern.
  for (const name of SETTINGS) {
    const reply = await questions.ask('config', 'get', name);
    if (!Array.isArray(reply)) return null;
    const [, value] = reply as (string | undefined)[];
    if (value !== undefined) settings.set(name, value);
  }
  return settings;
}

async function dangerousOf(questions: ServerQuestions): Promise<readonly string[] | null> {
  const user = await questions.ask('acl', 'whoami');
  if (typeof user !== 'string') return null;
  const allowed: string[] = [];
  for (const [name, ...args] of DANGEROUS) {
    const verdict = await questions.ask('acl', 'dryrun', user, name, ...args);
    if (verdict === undefined) return null;
    if (verdict === 'OK') allowed.push(name);
  }
  return allowed;
}
