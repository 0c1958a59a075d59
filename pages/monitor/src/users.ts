import { act, ApiError } from './api.js';
import { announce } from './announcer.js';
import { ask } from './dialog.js';
import { byId, h, setText } from './dom.js';
import { counted, moment, relative } from './format.js';
import type { UserSession } from './model.js';

/** Finds and ends the sessions of a user. */
export class UserSessions {
  #userId = '';

  constructor(private readonly mayRevoke: boolean) {
    byId('user-form').addEventListener('submit', (event) => {
      event.preventDefault();
      this.#userId = byId('user-id', HTMLInputElement).value.trim();
      if (this.#userId !== '') void this.#show();
    });
    byId('sign-out').addEventListener('click', () => void this.#signOut());
  }

  async #show(): Promise<void> {
    const userId = this.#userId;
    await this.#guarded(async () => {
      const { sessions } = await act('sessions', { userId });
      if (userId !== this.#userId) return;
      const text = `${userId}: ${counted(sessions.length, 'live session')}`;
      this.#summarise(text);
      byId('sign-out').hidden = !this.mayRevoke || sessions.length === 0;
      byId('user-sessions').replaceChildren(...sessions.map((session) => this.#itemOf(session, userId)));
    });
  }

  #itemOf(session: UserSession, userId: string): HTMLElement {
    const { id, createdAt, seenAt, expiresAt, authenticatedAt, method, actor, about, isCurrent } = session;
    const signedIn = [
      authenticatedAt === null ? null : moment(authenticatedAt),
      method === null ? null : `by ${method}`,
      actor === null ? null : `${actor} acts for them`,
    ].filter((text) => text !== null);
    const facts = [
      ['Created', moment(createdAt)],
      ['Last seen', relative(seenAt)],
      ['Signed in', signedIn.length === 0 ? '–' : signedIn.join(', ')],
      ['Ends', relative(expiresAt)],
      ...Object.entries(about),
    ] as const;
    const end = h('button', { type: 'button', class: 'danger', 'aria-label': `End session ${id}` }, 'End');
    end.addEventListener('click', () => void this.#revoke(id, userId));
    return h(
      'li',
      { 'data-id': id },
      h('p', { class: 'session-id' }, h('code', {}, id), isCurrent ? h('span', { class: 'badge' }, 'yours') : null),
      h('dl', { class: 'facts' }, ...facts.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value)))),
      this.mayRevoke ? end : null,
    );
  }

  async #revoke(id: string, userId: string): Promise<void> {
    await this.#guarded(async () => {
      const { ended } = await act('revoke', { id, userId });
      announce(ended === 1 ? 'The session has ended.' : 'There was no such session any more.');
      await this.#show();
    });
  }

  async #signOut(): Promise<void> {
    const userId = this.#userId;
    const isWanted = await ask({
      title: 'Sign out everywhere',
      text: `All sessions of ${userId} end, on every device.`,
      go: 'Sign out everywhere',
    });
    if (!isWanted) return;
    await this.#guarded(async () => {
      const { ended } = await act('sign-out', { userId });
      announce(`${counted(ended, 'session')} of ${userId} ended.`);
      await this.#show();
    });
  }

  #summarise(text: string): void {
    byId('user-head').hidden = false;
    setText(byId('user-summary'), text);
    announce(text);
  }

  async #guarded(run: () => Promise<void>): Promise<void> {
    try {
      await run();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#summarise(error.message);
    }
  }
}
