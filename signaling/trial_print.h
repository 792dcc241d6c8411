/* trial_print.h -- what `serve --trial` says to the person at the terminal once everything is ready. */
#pragma once

#include "signaling/service.h"
#include "signaling/trial.h"

#include <stdio.h>

/* The links of this machine first (a secure context without any certificate), then the https ones. */
void trial_print(const Service *service, const Trial *trial, FILE *out);
