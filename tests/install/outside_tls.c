/* A program that knows of TLS what the headers and pkg-config files say. */
#include <rota.h>
#include <rota/tls.h>
#include <stdio.h>

static int run(void *arg)
{
    const char *const *files = arg;
    rota_tls_options own = { .cert_file = files[1], .key_file = files[2] };
    rota_tls_context *client, *server;
    int rc = rota_tls_context_new(ROTA_TLS_SERVER, &own, &server);
    if (rc < 0)
        return rc;
    rota_tls_context_unref(server);
    rc = rota_tls_context_new(ROTA_TLS_CLIENT, NULL, &client);
    if (rc == 0)
        rota_tls_context_unref(client);
    return rc;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    int rc = rota_run(run, argv, NULL);
    printf("%s\n", rc < 0 ? rota_strerror(rc) : "good");
    return rc < 0;
}
