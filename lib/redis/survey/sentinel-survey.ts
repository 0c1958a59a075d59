import type { RedisSentinelSurvey } from '../../core/redis-survey.js';
import { addressKey } from '../connection/node-address.js';
import { fieldsOf } from '../sentinel/sentinel-view.js';
import { ServerQuestions, type SendCommand } from './server-question.js';

/**
 * Asks one Sentinel what it knows of the group.
 *
 * @throws ConnectionLostError when it does not answer.
 * @internal
 */
export async function surveySentinel(address: string, send: SendCommand, group: string): Promise<RedisSentinelSurvey> {
  const questions = new ServerQuestions(send);
  const [named, settings, replicas, peers, quorum] = await Promise.all([
    questions.tryOut('sentinel', 'get-master-addr-by-name', group),
    questions.tryOut('sentinel', 'master', group),
    questions.ask('sentinel', 'replicas', group),
    questions.ask('sentinel', 'sentinels', group),
    questions.tryOut('sentinel', 'ckquorum', group),
  ]);
  const primary = primaryOf(named) ?? primaryIn(fieldsOf(settings));
  return {
    address,
    error: null,
    knowsGroup: primary !== null,
    primary,
    settings: fieldsOf(settings),
    replicas: rowsOf(replicas),
    peers: rowsOf(peers),
    quorumFault: quorumFaultOf(quorum),
  };
}

function rowsOf(reply: unknown): readonly ReadonlyMap<string, string>[] {
  return Array.isArray(reply) ? (reply as unknown[]).map(fieldsOf) : [];
}

function primaryOf(reply: unknown): string | null {
  if (!Array.isArray(reply)) return null;
  const [host, port] = reply as string[];
  return host && port ? addressKey({ host, port: Number(port) }) : null;
}

function primaryIn(fields: ReadonlyMap<string, string>): string | null {
  const host = fields.get('ip');
  return host ? addressKey({ host, port: Number(fields.get('port')) }) : null;
}

function quorumFaultOf(reply: unknown): RedisSentinelSurvey['quorumFault'] {
  if (!(reply instanceof Error)) return null;
  return reply.message.startsWith('NOQUORUM') ? reply.message : undefined;
}
