/** How sockets use their sessions. @public */
export interface SessionSocketOptions {
  /**
   * Whether a handshake without a session is refused (401). Otherwise its handlers find an empty session that cannot be stored.
   *
   * @defaultValue false
   */
  readonly requireSession?: boolean | undefined;
  /**
   * Whether a message keeps its session alive, as a request does; written at most every `touchIntervalMs`. Heartbeats, polling and
   * handshakes never do. A message that changes its session prolongs it in any case.
   *
   * @defaultValue true
   */
  readonly messagesProlong?: boolean | undefined;
}
