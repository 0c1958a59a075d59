import { isSessionError } from '../errors/session.error.js';

/** What a handler has of a request, on Express and Fastify alike. @internal */
export interface MonitorRequest {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly body: unknown;
}

/** Answers one question with what becomes JSON. @internal */
export type MonitorHandler = (request: MonitorRequest) => Promise<unknown>;

/** A response without a framework. @internal */
export interface MonitorAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A refusal that the page shows as it is. @internal */
export class MonitorRefusal extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

const JSON_HEADERS = {
  'Content-Type': 'application/json; charset=utf-8',
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
};

/** What a handler answers, or fails with, as a response. @internal */
export async function answerOf(handler: MonitorHandler | undefined, request: MonitorRequest): Promise<MonitorAnswer> {
  try {
    if (!handler) throw new MonitorRefusal(404, 'The monitor does not know this.');
    return jsonAnswer(200, await handler(request));
  } catch (error) {
    if (error instanceof MonitorRefusal) return jsonAnswer(error.status, { message: error.message });
    // Those who are let in may know why: it is their Redis.
    if (isSessionError(error)) return jsonAnswer(statusOf(error), { code: error.code, message: error.message });
    throw error;
  }
}

function jsonAnswer(status: number, value: unknown): MonitorAnswer {
  return { status, headers: JSON_HEADERS, body: JSON.stringify(value ?? null) };
}

function statusOf(error: Error): number {
  const { getStatus } = error as { getStatus?: () => number };
  return getStatus?.call(error) ?? (error.name === 'SessionUnsupportedError' ? 501 : 400);
}
