import { act, ApiError } from './api.js';
import { announce } from './announcer.js';
import { ask } from './dialog.js';
import { byId, setText } from './dom.js';
import { count, counted, duration } from './format.js';
import type { MonitorSetup } from './model.js';

/** Offers what this page may do with the installation as a whole. */
export function offerActions({ application, actions, canFailOver }: MonitorSetup): void {
  const mayFailOver = canFailOver && actions.includes('failover');
  const maySignOut = actions.includes('signOutAll');
  byId('actions').hidden = !mayFailOver && !maySignOut;
  byId('failover-action').hidden = !mayFailOver;
  byId('all-action').hidden = !maySignOut;
  onClick('failover', () => failOver(application));
  onClick('sign-out-all', () => signOutAll(application));
}

function onClick(id: string, run: () => Promise<void>): void {
  const button = byId(id, HTMLButtonElement);
  button.addEventListener('click', () => {
    button.disabled = true;
    void run().finally(() => {
      button.disabled = false;
      button.focus();
    });
  });
}

async function failOver(application: string): Promise<void> {
  const isWanted = await ask({
    title: 'Planned failover',
    text: 'A replica becomes the primary. Requests wait meanwhile, usually for a second or two.',
    go: 'Fail over now',
    typed: application,
  });
  if (!isWanted) return;
  say('Failing over …');
  try {
    const { from, to, pauseMs, acknowledged, failed } = await act('failover', { application });
    say(
      `${from ?? 'nobody'} → ${to}: a pause of ${duration(pauseMs)} for a session that changed all the time; ` +
        `${counted(acknowledged, 'change')} acknowledged, ${count(failed)} given up.`,
    );
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    say(error.message);
  }
}

async function signOutAll(application: string): Promise<void> {
  const isWanted = await ask({
    title: 'Sign everybody out',
    text: `Every session of ${application} ends now. It cannot be undone.`,
    go: 'Sign everybody out',
    typed: application,
  });
  if (!isWanted) return;
  try {
    const { ended } = await act('sign-out-all', { application });
    say(`${counted(ended, 'session')} ended.`);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    say(error.message);
  }
}

function say(text: string): void {
  const result = byId('actions-result');
  result.hidden = false;
  setText(result, text);
  announce(text);
}
