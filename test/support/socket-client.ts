import { io } from 'socket.io-client';
import type { Socket } from 'socket.io-client';
import { onTestFinished } from 'vitest';
import { WebSocket } from 'ws';

export const SOCKET_KINDS = ['io', 'ws'] as const;
export type SocketKind = (typeof SOCKET_KINDS)[number];

/** How a socket was closed by its server. */
export interface SocketEnd {
  /** ws: the close code; socket.io: why the client thinks that it is disconnected. */
  readonly code: number | string;
  readonly reason: string;
  /** socket.io: whether the client connects again by itself. */
  readonly isReconnecting: boolean;
  readonly atMs: number;
}

interface Answer {
  readonly value?: unknown;
  /** Of Nest's exception filter. */
  readonly message?: string;
  readonly cause?: unknown;
}

/** What both kinds of client have in common. */
export interface TestSocket {
  readonly kind: SocketKind;
  readonly end: Promise<SocketEnd>;
  readonly isOpen: boolean;
  /** Sends a message; resolves with what the handler returns in `reply`, or with the exception. */
  ask(event: string, data?: Record<string, unknown>, waitMs?: number): Promise<Answer>;
  /** socket.io alone: waits for the acknowledgement. */
  readonly io: Socket | undefined;
  close(): void;
}

const WAIT_MS = 30_000;

/** Connects; rejects when the handshake is refused, with its status. */
export function connectSocket(
  kind: SocketKind,
  url: string,
  cookie?: string,
  options: object = {},
): Promise<TestSocket> {
  const headers = cookie === undefined ? {} : { cookie };
  return kind === 'io' ? connectIo(url, headers, options) : connectPlain(url, headers);
}

/** Answers by the number of their question; exceptions have it in their cause. */
class Questions {
  private count = 0;
  private readonly open = new Map<number, (answer: Answer) => void>();

  ask(send: (question: number) => void, waitMs = WAIT_MS): Promise<Answer> {
    const question = (this.count += 1);
    const answer = new Promise<Answer>((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error(`no answer within ${waitMs} ms`));
      }, waitMs).unref();
      this.open.set(question, (result) => {
        clearTimeout(timer);
        resolve(result);
      });
    });
    send(question);
    return answer;
  }

  reply(reply: { question: number; value: unknown }): void {
    this.open.get(reply.question)?.({ value: reply.value });
  }

  fail(exception: { message: string; cause?: { data?: { question?: number } } }): void {
    this.open.get(exception.cause?.data?.question ?? 0)?.(exception);
  }
}

function connectIo(url: string, headers: Record<string, string>, options: object): Promise<TestSocket> {
  const socket = io(url, { extraHeaders: headers, forceNew: true, reconnectionDelay: 50, ...options });
  onTestFinished(() => void socket.close());
  const questions = new Questions();
  let reason = '';
  socket.on('reply', (reply) => questions.reply(reply));
  socket.on('exception', (exception) => questions.fail(exception));
  socket.on('session-closed', (message: { reason: string }) => (reason = message.reason));
  const end = new Promise<SocketEnd>((resolve) => {
    socket.once('disconnect', (code) => {
      resolve({ code, reason, isReconnecting: socket.active, atMs: performance.now() });
    });
  });
  const test: TestSocket = {
    kind: 'io',
    end,
    io: socket,
    get isOpen() {
      return socket.connected;
    },
    ask: (event, data, waitMs) => questions.ask((question) => socket.emit(event, { ...data, question }), waitMs),
    close: () => void socket.close(),
  };
  return new Promise((resolve, reject) => {
    socket.once('connect', () => {
      resolve(test);
    });
    socket.once('connect_error', (error) => {
      reject(error);
    });
  });
}

function connectPlain(url: string, headers: Record<string, string>): Promise<TestSocket> {
  const socket = new WebSocket(url.replace('http', 'ws'), { headers });
  onTestFinished(() => {
    socket.terminate();
  });
  const questions = new Questions();
  socket.on('message', (data: Buffer) => {
    const message = JSON.parse(data.toString()) as { event: string; data: never };
    if (message.event === 'reply') questions.reply(message.data);
    else questions.fail(message.data);
  });
  const end = new Promise<SocketEnd>((resolve) => {
    socket.once('close', (code, reason) => {
      resolve({ code, reason: reason.toString(), isReconnecting: false, atMs: performance.now() });
    });
  });
  const test: TestSocket = {
    kind: 'ws',
    end,
    io: undefined,
    get isOpen() {
      return socket.readyState === WebSocket.OPEN;
    },
    ask: (event, data, waitMs) =>
      questions.ask((question) => {
        socket.send(JSON.stringify({ event, data: { ...data, question } }));
      }, waitMs),
    close: () => {
      socket.close();
    },
  };
  return new Promise((resolve, reject) => {
    socket.once('open', () => {
      resolve(test);
    });
    socket.once('unexpected-response', (_request, response) => {
      reject(new Error(String(response.statusCode)));
    });
    socket.on('error', reject);
  });
}
