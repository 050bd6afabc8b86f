/*
 * lsm_aggregate_decimal.h
 *
 * Products and quotients of decimals on their unscaled 128-bit integers, with
 * BigDecimal's rules: rounded half up to the column's scale, null when there
 * are more digits than its precision has.
 */
#ifndef LSM_AGGREGATE_DECIMAL_H
#define LSM_AGGREGATE_DECIMAL_H

#include "lsm.h"

typedef enum PmnDecimalResult
{
	PMN_DECIMAL_FINE,
	PMN_DECIMAL_TOO_LONG, /* becomes null */
	PMN_DECIMAL_BY_ZERO,
	PMN_DECIMAL_ENDLESS /* the quotient has no last digit */
} PmnDecimalResult;

/* 10 to the power of exponent, 0..38. */
PmnInt128 pmn_decimal_power(int32_t exponent);

PmnDecimalResult pmn_decimal_multiply(PmnInt128 a, PmnInt128 b,
									  int32_t precision, int32_t scale,
									  PmnInt128 *out);
PmnDecimalResult pmn_decimal_divide(PmnInt128 a, PmnInt128 b, int32_t precision,
									int32_t scale, PmnInt128 *out);

#endif /* LSM_AGGREGATE_DECIMAL_H */
