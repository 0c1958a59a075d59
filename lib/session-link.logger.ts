import type { LoggerService } from '@nestjs/common';
import type { SessionLink } from './core/session-link.js';

/** Logs one line for each event of the link, never one for each retry. @internal */
export function logLinkEvents(link: SessionLink, logger: Pick<LoggerService, 'log' | 'warn'>): void {
  link.on('ready', ({ primary, restarted }) => {
    if (restarted) logger.warn(`Redis primary ${primary} was restarted: it holds only what its disk has kept`);
    else logger.log(`Redis primary ${primary} is in use`);
  });
  link.on('lost', ({ primary, reason }) => {
    logger.warn(`Redis primary ${primary} was lost (${reason}); sessions wait for its successor`);
  });
  link.on('unavailable', ({ cause, forMs }) => {
    logger.warn(`Redis has had no usable primary for ${Math.round(forMs / 1000)} s: ${cause}`);
  });
  link.on('failover', ({ from, to, noticedMs, durationMs, held, replayed }) => {
    logger.warn(
      `Redis failover from ${from ?? 'nowhere'} to ${to}: noticed after ${noticedMs.toFixed(0)} ms, ` +
        `took ${durationMs.toFixed(0)} ms, ${held} operations waited, ${replayed} were sent again`,
    );
  });
  link.on('degraded', ({ primary, reason }) => {
    logger.warn(`Redis primary ${primary} acknowledges changes that not every replica has (${reason})`);
  });
  link.on('unrestored', ({ change, reason }) => {
    logger.warn(`A change acknowledged by a primary whose promotion did not stand is lost: ${change} (${reason})`);
  });
  link.on('recovered', ({ primary }) => {
    logger.log(`Redis primary ${primary} has all its replicas again`);
  });
  link.on('groupUnknown', ({ sentinels }) => {
    if (sentinels.length === 0) logger.log('All Sentinels that answer know the group again');
    else logger.warn(`Sentinels that do not know the group: ${sentinels.join(', ')}; the nodes known last stay in use`);
  });
  link.on('nearCacheOff', ({ reason }) => {
    logger.warn(`The near cache is off: ${reason}`);
  });
}
