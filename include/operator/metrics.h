/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file metrics.h
 * The counters for Prometheus: in its text format 0.0.4, or in OpenMetrics 1.0 if the client's Accept header names it.
 * https://prometheus.io/docs/instrumenting/exposition_formats/ and https://github.com/OpenObservability/OpenMetrics
 */
#ifndef CFAOP_OPERATOR_METRICS_H
#define CFAOP_OPERATOR_METRICS_H

#include "httpd.h"

/** The handler "cf-origin-pull-metrics": writes the page. DECLINED for requests with another handler. Request phase. */
int cfaop_metrics_handler(request_rec *r);

#endif
