/*
 * Errors as problem documents (RFC 9457): one object that says what is wrong,
 * with all that is wrong with the input listed in it.
 */
#include <string.h>

#include "http/response.h"
#include "model/json.h"
#include "rota/model.h"
#include "web/app.h"
#include "web/request.h"

ROTA_MODEL(Violation, (str, in), (str, loc), (str, msg), (str, type),
           (str, value, optional));
ROTA_MODEL(Problem, (str, type), (str, title), (i32, status),
           (str, detail, optional), (Violation_list, errors, optional));

static Violation violation(const rota_error *e)
{
    return (Violation){
        .in = rota_str_of(e->in),
        .loc = e->loc,
        .msg = e->msg,
        .type = rota_str_of(e->type),
        .value = e->value,
        .has.value = e->value.ptr != NULL && e->value.len > 0,
    };
}

static void list(Problem *p, rota_arena *a, const rota_errors *errors)
{
    p->errors.at = rota_arena_zalloc(a, errors->len * sizeof(Violation));
    if (!p->errors.at)
        return; /* the answer is right without the list */
    for (size_t i = 0; i < errors->len; i++)
        p->errors.at[i] = violation(&errors->at[i]);
    p->errors.len = errors->len;
    p->has.errors = errors->len > 0;
}

void problem_respond(rota_request *r, int status, const char *detail,
                     const rota_errors *errors)
{
    Problem p = {
        .type = ROTA_STR("about:blank"),
        .title = http_reason(status),
        .status = status,
        .detail = rota_str_of(detail),
        .has.detail = detail != NULL,
    };
    if (errors)
        list(&p, &r->http->arena, errors);
    struct buf *body = app_scratch(r->app);
    char plain[RESPONSE_PROBLEM];
    rota_str text;
    if (json_write(body, &rota_type_Problem, &p) == 0)
        text = (rota_str){ buf_head(body), buf_len(body) };
    else
        text = response_problem(plain, status);
    http_drop_type(r->http);
    http_respond(r->http, status, ROTA_STR("application/problem+json"), text);
}
