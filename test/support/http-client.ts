import { request as startRequest } from 'node:http';
import type { ClientRequest, IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { Agent } from 'node:http';

/** What a client got. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly setCookie: readonly string[];
  readonly text: string;
  /** The parsed body. */
  readonly json: unknown;
  /** Whether the response came to its proper end. */
  readonly isComplete: boolean;
}

export interface HttpRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** A browser as far as sessions go: keeps cookies, one connection, follows no redirect by itself. */
export class HttpClient {
  readonly cookies = new Map<string, string>();
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(private readonly url: string) {}

  get(path: string, init: HttpRequest = {}): Promise<HttpAnswer> {
    return this.send(path, init);
  }

  post(path: string, body?: unknown, init: HttpRequest = {}): Promise<HttpAnswer> {
    return this.send(path, { method: 'POST', body, ...init });
  }

  /** Resolves once the whole response is here. */
  async send(path: string, init: HttpRequest = {}): Promise<HttpAnswer> {
    const response = await this.open(path, init);
    const chunks: Buffer[] = [];
    let isComplete = true;
    try {
      for await (const chunk of response) chunks.push(chunk as Buffer);
    } catch {
      isComplete = false;
    }
    const text = Buffer.concat(chunks).toString();
    const { headers, statusCode: status = 0 } = response;
    return {
      status,
      headers,
      setCookie: headers['set-cookie'] ?? [],
      text,
      isComplete: isComplete && response.complete,
      get json() {
        return JSON.parse(text) as unknown;
      },
    };
  }

  /** Resolves once the head of the response is here. */
  open(path: string, init: HttpRequest = {}, onRequest?: (request: ClientRequest) => void): Promise<IncomingMessage> {
    const { method = 'GET', headers = {}, body } = init;
    const text = body === undefined ? undefined : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const request = startRequest(`${this.url}${path}`, {
        method,
        agent: this.agent,
        headers: {
          ...(this.cookies.size > 0 && {
            cookie: [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; '),
          }),
          ...(text !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
          ...headers,
        },
      });
      request.on('response', (response) => {
        for (const line of response.headers['set-cookie'] ?? []) this.keep(line);
        resolve(response);
      });
      request.on('error', reject);
      onRequest?.(request);
      request.end(text);
    });
  }

  /** Posts JSON in several packets; resolves with the body of the response. */
  sendInParts(path: string, parts: readonly string[]): Promise<string> {
    return new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(parts.join('')) };
      const request = startRequest(`${this.url}${path}`, { method: 'POST', agent: this.agent, headers });
      request.on('response', (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += String(chunk))).on('end', () => resolve(text));
      });
      request.on('error', reject);
      const write = ([part, ...rest]: readonly string[]): void => {
        if (part === undefined) request.end();
        else request.write(part, () => setTimeout(write, 10, rest));
      };
      write(parts);
    });
  }

  close(): void {
    this.agent.destroy();
  }

  private keep(line: string): void {
    const [pair = '', ...attributes] = line.split(';').map((part) => part.trim());
    const [name = '', value = ''] = pair.split('=', 2);
    const expires = attributes.find((attribute) => /^expires=/i.test(attribute))?.slice(8);
    if (expires !== undefined && Date.parse(expires) <= Date.now()) this.cookies.delete(name);
    else this.cookies.set(name, value);
  }
}
