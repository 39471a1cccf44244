/* SPDX-License-Identifier: MIT */
/*
 * clock.c - clocks, and dates as text. Dates are computed here (proleptic Gregorian, UTC) since the
 * C library's own functions look at the time zone and the locale.
 */
#include "clock.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "str.h"

#define DAY 86400

int64_t ptmi_clock_ms(void)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t ptmi_clock_unix(void)
{
    return (int64_t)time(NULL);
}

/* Days since 1970-01-01; years are counted from March, so that the leap day is a year's last. */
static int64_t days_of(int64_t year, int month, int day)
{
    if (month <= 2) year--;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t in_era = year - era * 400;
    int64_t in_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year - 719468;
}

static void date_of(int64_t days, int *year, int *month, int *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t in_era = days - era * 146097;
    int64_t years = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    int64_t in_year = in_era - (365 * years + years / 4 - years / 100);
    int64_t shifted = (5 * in_year + 2) / 153;
    *day = (int)(in_year - (153 * shifted + 2) / 5 + 1);
    *month = (int)(shifted < 10 ? shifted + 3 : shifted - 9);
    *year = (int)(years + era * 400 + (*month <= 2));
}

char *ptmi_clock_iso(int64_t unix_seconds, char buf[32])
{
    /* Years 0 to 9999: what four digits can say. */
    const int64_t first = -62167219200;
    const int64_t last = 253402300799;
    if (unix_seconds < first) unix_seconds = first;
    if (unix_seconds > last) unix_seconds = last;
    int64_t days = unix_seconds / DAY;
    int64_t rest = unix_seconds % DAY;
    if (rest < 0) {
        rest += DAY;
        days--;
    }
    int year = 0;
    int month = 0;
    int day = 0;
    date_of(days, &year, &month, &day);
    /* The bounds above make the remainders no-ops; they are there for the compiler. */
    snprintf(buf, 32, "%04u-%02u-%02uT%02u:%02u:%02uZ", (unsigned)year % 10000,
             (unsigned)month % 100, (unsigned)day % 100, (unsigned)(rest / 3600) % 100,
             (unsigned)(rest / 60 % 60), (unsigned)(rest % 60));
    return buf;
}

char *ptmi_clock_now(char buf[32])
{
    return ptmi_clock_iso(ptmi_clock_unix(), buf);
}

/* Exactly n digits at *text; moves it on. */
static bool take_digits(const char **text, int n, int *out)
{
    int value = 0;
    for (int i = 0; i < n; i++) {
        char c = (*text)[i];
        if (c < '0' || c > '9') return false;
        value = 10 * value + (c - '0');
    }
    *text += n;
    *out = value;
    return true;
}

static bool take_char(const char **text, char c)
{
    if (**text != c) return false;
    *text += 1;
    return true;
}

static bool take_month(const char **text, int *out)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (int i = 0; i < 12; i++)
        if (strncmp(*text, names + 3 * i, 3) == 0) {
            *text += 3;
            *out = i + 1;
            return true;
        }
    return false;
}

struct date {
    int year, month, day, hour, minute, second;
};

static bool take_time(const char **text, struct date *d)
{
    return take_digits(text, 2, &d->hour) && take_char(text, ':') &&
           take_digits(text, 2, &d->minute) && take_char(text, ':') &&
           take_digits(text, 2, &d->second);
}

static bool to_unix(const struct date *d, int64_t *out)
{
    static const int lengths[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (d->month < 1 || d->month > 12 || d->day < 1 || d->day > lengths[d->month - 1]) return false;
    bool leap = (d->year % 4 == 0 && d->year % 100 != 0) || d->year % 400 == 0;
    if (d->month == 2 && d->day == 29 && !leap) return false;
    if (d->hour > 23 || d->minute > 59 || d->second > 60) return false; /* 60: a leap second */
    *out = days_of(d->year, d->month, d->day) * DAY + d->hour * 3600 + d->minute * 60 + d->second;
    return true;
}

/* "06 Nov 1994 08:49:37 GMT" and, with dashes and two digits of the year, the older "06-Nov-94
 * 08:49:37 GMT". */
static bool parse_after_comma(const char *text, struct date *d)
{
    while (*text == ' ') text++;
    if (!take_digits(&text, 2, &d->day)) return false;
    char separator = *text;
    if (separator != ' ' && separator != '-') return false;
    text++;
    if (!take_month(&text, &d->month) || !take_char(&text, separator)) return false;
    if (separator == ' ') {
        if (!take_digits(&text, 4, &d->year)) return false;
    } else {
        if (!take_digits(&text, 2, &d->year)) return false;
        d->year += d->year < 70 ? 2000 : 1900;
    }
    return take_char(&text, ' ') && take_time(&text, d) && strcmp(text, " GMT") == 0;
}

/* "Sun Nov  6 08:49:37 1994" */
static bool parse_asctime(const char *text, struct date *d)
{
    if (strlen(text) < 4) return false;
    text += 3;
    if (!take_char(&text, ' ') || !take_month(&text, &d->month) || !take_char(&text, ' '))
        return false;
    bool one_digit = take_char(&text, ' ');
    return take_digits(&text, one_digit ? 1 : 2, &d->day) && take_char(&text, ' ') &&
           take_time(&text, d) && take_char(&text, ' ') && take_digits(&text, 4, &d->year) &&
           *text == '\0';
}

bool ptmi_clock_parse_http(const char *text, int64_t *out)
{
    struct date d = {0};
    const char *comma = strchr(text, ',');
    bool read = comma ? parse_after_comma(comma + 1, &d) : parse_asctime(text, &d);
    return read && to_unix(&d, out);
}

/* "Z", "+02:00", "-0500" or nothing (taken as UTC): seconds east of Greenwich. */
static bool take_zone(const char **text, int *east)
{
    *east = 0;
    if (**text == '\0') return true;
    if (take_char(text, 'Z') || take_char(text, 'z')) return true;
    int sign = **text == '-' ? -1 : 1;
    if (**text != '+' && **text != '-') return false;
    *text += 1;
    int hours = 0;
    int minutes = 0;
    if (!take_digits(text, 2, &hours)) return false;
    take_char(text, ':');
    if (!take_digits(text, 2, &minutes) || hours > 23 || minutes > 59) return false;
    *east = sign * (hours * 3600 + minutes * 60);
    return true;
}

bool ptmi_clock_parse_iso(const char *text, int64_t *out)
{
    struct date d = {0};
    if (!take_digits(&text, 4, &d.year) || !take_char(&text, '-') ||
        !take_digits(&text, 2, &d.month) || !take_char(&text, '-') ||
        !take_digits(&text, 2, &d.day))
        return false;
    int east = 0;
    if (*text) {
        if (*text != 'T' && *text != 't' && *text != ' ') return false;
        text++;
        if (!take_time(&text, &d)) return false;
        if (take_char(&text, '.')) { /* a fraction of a second is read and dropped */
            size_t digits = strspn(text, "0123456789");
            if (digits == 0) return false;
            text += digits;
        }
        if (!take_zone(&text, &east) || *text) return false;
    }
    int64_t seconds = 0;
    if (!to_unix(&d, &seconds)) return false;
    *out = seconds - east;
    return true;
}

uint32_t ptmi_clock_random(uint32_t below)
{
    uint32_t bits = 0;
    if (getrandom(&bits, sizeof bits, GRND_NONBLOCK) != (ssize_t)sizeof bits) {
        struct timespec now = {0};
        clock_gettime(CLOCK_MONOTONIC, &now);
        bits = (uint32_t)now.tv_nsec * 2654435761u;
    }
    return (uint32_t)((uint64_t)bits * below >> 32);
}
