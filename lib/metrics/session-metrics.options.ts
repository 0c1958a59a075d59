/** The part of a prom-client `Registry` that is used; any version's fits. @public */
export interface SessionMetricsRegistry {
  /** The metric of a name, if there is one. */
  getSingleMetric(name: string): unknown;
  /** Takes a metric of prom-client. */
  registerMetric(metric: never): void;
}

/** Where the sessions' metrics go. @public */
export interface SessionMetricsOptions {
  /**
   * Metrics of prom-client: `true` for its default registry, or a registry of the application's.
   *
   * @remarks Needs the package `prom-client`. Two `SessionModule`s in one process need two registries.
   * @defaultValue true
   */
  readonly prometheus?: boolean | { readonly registry: SessionMetricsRegistry } | undefined;
  /**
   * Metrics, and spans for loads and commits, by the OpenTelemetry API: by the global `MeterProvider` and `TracerProvider`. A span
   * is made only within a recording one.
   *
   * @remarks Needs the package `@opentelemetry/api`.
   * @defaultValue false
   */
  readonly openTelemetry?: boolean | undefined;
}
