/** An answer of the portal. */
export interface PortalAnswer {
  readonly status: number;
  readonly location: string | null;
  readonly headers: Headers;
  readonly text: string;
}

/** Keeps its cookie and follows nothing by itself. */
export class BrowserLike {
  cookie = '';
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  get(path: string, headers: Record<string, string> = {}): Promise<PortalAnswer> {
    return this.#send(path, { headers });
  }

  post(path: string, form: Record<string, string> = {}, headers: Record<string, string> = {}): Promise<PortalAnswer> {
    return this.#send(path, { method: 'POST', body: new URLSearchParams(form), headers });
  }

  /** The caller's session, as JSON. */
  async session(): Promise<Record<string, unknown>> {
    const { text } = await this.get('/session', { accept: 'application/json' });
    return JSON.parse(text) as Record<string, unknown>;
  }

  async signIn(user = 'ada'): Promise<this> {
    await this.post('/sign-in', { user, password: 'portal' });
    return this;
  }

  async #send(
    path: string,
    init: { method?: string; body?: URLSearchParams; headers: Record<string, string> },
  ): Promise<PortalAnswer> {
    const headers = { accept: 'text/html', cookie: this.cookie, ...init.headers };
    const response = await fetch(this.#url + path, { ...init, headers: Object.entries(headers), redirect: 'manual' });
    for (const cookie of response.headers.getSetCookie()) this.cookie = cookie.split(';')[0] ?? '';
    return {
      status: response.status,
      location: response.headers.get('location'),
      headers: response.headers,
      text: await response.text(),
    };
  }
}
