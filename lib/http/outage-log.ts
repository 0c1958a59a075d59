import type { Logger } from '@nestjs/common';

/** How long refused requests are counted before another line tells of them. @unit milliseconds */
const PERIOD_MS = 10_000;

/**
 * Tells of requests that were answered 503 because the sessions cannot be reached: the first at once, all others of ten seconds
 * in one line.
 *
 * @internal
 */
export class OutageLog {
  private count = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly logger: Pick<Logger, 'warn'>) {}

  /** One more. @param text - what happened, for the first line */
  note(text: string): void {
    if (this.timer) {
      this.count += 1;
      return;
    }
    this.logger.warn(text);
    this.arm();
  }

  private arm(): void {
    this.timer = setTimeout(() => {
      this.timer = undefined;
      if (this.count === 0) return;
      this.logger.warn(
        `Sessions cannot be reached: ${this.count} more requests were answered 503 in ${PERIOD_MS / 1000} s.`,
      );
      this.count = 0;
      this.arm();
    }, PERIOD_MS).unref();
  }
}
