/** An outcome, and why it is that one, in words for an operator or the failure of a test. @internal */
export interface Decision<Outcome> {
  readonly outcome: Outcome;
  readonly reason: string;
}
