import { byId, setText } from './dom.js';

/** A question that has to be answered before something is done. */
export interface Question {
  readonly title: string;
  readonly text: string;
  readonly go: string;
  /** A text that has to be typed. */
  readonly typed?: string;
}

/** Asks; resolves with whether it shall be done. The browser's own dialog keeps the focus, and Escape ends it. */
export function ask({ title, text, go, typed }: Question): Promise<boolean> {
  const dialog = byId('dialog', HTMLDialogElement);
  const input = byId('dialog-input', HTMLInputElement);
  const button = byId('dialog-go', HTMLButtonElement);
  setText(byId('dialog-title'), title);
  setText(byId('dialog-text'), text);
  setText(button, go);
  byId('dialog-typed').hidden = typed === undefined;
  setText(byId('dialog-label'), typed === undefined ? '' : `Type ${typed} to go on`);
  input.value = '';
  input.disabled = typed === undefined;
  const check = (): void => {
    button.disabled = typed !== undefined && input.value.trim() !== typed;
  };
  input.oninput = check;
  check();
  dialog.returnValue = '';
  byId('dialog-cancel').onclick = () => {
    dialog.close('');
  };
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener(
      'close',
      () => {
        resolve(dialog.returnValue === 'go' && !button.disabled);
      },
      { once: true },
    );
  });
}
