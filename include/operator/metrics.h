/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file metrics.h
 * The counters for Prometheus: its text format 0.0.4, or OpenMetrics 1.0 for whoever asks for that.
 * https://prometheus.io/docs/instrumenting/exposition_formats/ and https://github.com/OpenObservability/OpenMetrics
 */
#ifndef CFAOP_OPERATOR_METRICS_H
#define CFAOP_OPERATOR_METRICS_H

#include "httpd.h"

/** The handler "cf-origin-pull-metrics": the counters as Prometheus or OpenMetrics text. */
int cfaop_metrics_handler(request_rec *r);

#endif
