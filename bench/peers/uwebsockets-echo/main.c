/* The uWebSockets peer: echoes every message, or with --broadcast publishes it to all connections, its sender too.
 *
 * uWebSockets comes as the shared library of the Python package socketify, behind its C interface; what is declared below are
 * facts of that interface. Settings are the fastest: one thread, no compression, no time-outs and pings, limits that are never
 * met. uWebSockets itself corks handlers, and sends publications at the end of the loop's turn, 32 with one send. But what it has
 * to send within a handler, because more have come, it sends one by one; so a turn's publications are kept until its end here, which
 * is several times as fast where everybody sends to everybody. Prints `listening on ADDR` when ready, and ends by signal. */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct uws_app_s uws_app_t;
typedef struct uws_websocket_s uws_websocket_t;
typedef struct socketify_loop_s socketify_loop_t;
struct us_listen_socket_t;
struct us_loop_t;

struct us_socket_context_options_t {
    const char *key_file_name, *cert_file_name, *passphrase, *dh_params_file_name, *ca_file_name, *ssl_ciphers;
    int ssl_prefer_low_memory_usage;
};

typedef struct {
    int port;
    const char *host;
    int options;
} uws_app_listen_config_t;

typedef void (*uws_handler)(uws_websocket_t *ws, void *user_data);
typedef void (*uws_data_handler)(uws_websocket_t *ws, const char *data, size_t length, void *user_data);
typedef void (*uws_message_handler)(uws_websocket_t *ws, const char *data, size_t length, int opcode, void *user_data);
typedef void (*uws_close_handler)(uws_websocket_t *ws, int code, const char *data, size_t length, void *user_data);

typedef struct {
    int compression;
    unsigned int max_payload_length;
    unsigned short idle_timeout;
    unsigned int max_backpressure;
    bool close_on_backpressure_limit;
    bool reset_idle_timeout_on_send;
    bool send_pings_automatically;
    unsigned short max_lifetime;
    void (*upgrade)(void);
    uws_handler open;
    uws_message_handler message;
    uws_handler drain;
    uws_data_handler ping;
    uws_data_handler pong;
    uws_close_handler close;
    void (*subscription)(void);
} uws_socket_behavior_t;

uws_app_t *uws_create_app(int ssl, struct us_socket_context_options_t options);
bool uws_constructor_failed(int ssl, uws_app_t *app);
void uws_ws(int ssl, uws_app_t *app, const char *pattern, uws_socket_behavior_t behavior, void *user_data);
int uws_ws_send(int ssl, uws_websocket_t *ws, const char *data, size_t length, int opcode);
bool uws_ws_subscribe(int ssl, uws_websocket_t *ws, const char *topic, size_t length);
bool uws_publish(int ssl, uws_app_t *app, const char *topic, size_t topic_length, const char *data, size_t length, int opcode,
                 bool compress);
void uws_app_listen_with_config(int ssl, uws_app_t *app, uws_app_listen_config_t config,
                                void (*handler)(struct us_listen_socket_t *, uws_app_listen_config_t, void *), void *user_data);
int us_socket_local_port(int ssl, struct us_listen_socket_t *socket);
struct us_loop_t *uws_get_loop_with_native(void *native_loop);

socketify_loop_t *socketify_create_loop(void);
bool socketify_constructor_failed(socketify_loop_t *loop);
void *socketify_get_native_loop(socketify_loop_t *loop);
void *socketify_create_check(socketify_loop_t *loop, void (*handler)(void *), void *user_data);
int socketify_loop_run(socketify_loop_t *loop, int mode);

enum { PLAIN = 0, UNCOMPRESSED = 0, EXCLUSIVE_PORT = 1, RUN_DEFAULT = 0, BYTES_MAX = 64 * 1024 * 1024 };

static const char TOPIC[] = "all";
static uws_app_t *app;

/* A turn's publications behind each other, each a header and its bytes. */
static struct {
    char *bytes;
    size_t used, size;
} batch;

typedef struct {
    size_t length;
    int opcode;
} header_t;

static void die(const char *why) {
    fprintf(stderr, "%s\n", why);
    exit(1);
}

static void echo(uws_websocket_t *ws, const char *data, size_t length, int opcode, void *user_data) {
    (void)user_data;
    uws_ws_send(PLAIN, ws, data, length, opcode);
}

static void subscribe(uws_websocket_t *ws, void *user_data) {
    (void)user_data;
    uws_ws_subscribe(PLAIN, ws, TOPIC, sizeof TOPIC - 1);
}

static void keep(uws_websocket_t *ws, const char *data, size_t length, int opcode, void *user_data) {
    (void)ws, (void)user_data;
    header_t header = {length, opcode};
    size_t end = batch.used + sizeof header + length;
    if (end > batch.size) {
        batch.size = 2 * end;
        batch.bytes = realloc(batch.bytes, batch.size);
        if (!batch.bytes) die("no memory for publications");
    }
    memcpy(batch.bytes + batch.used, &header, sizeof header);
    memcpy(batch.bytes + batch.used + sizeof header, data, length);
    batch.used = end;
}

static void publish(void *user_data) {
    (void)user_data;
    header_t header;
    for (size_t at = 0; at < batch.used; at += sizeof header + header.length) {
        memcpy(&header, batch.bytes + at, sizeof header);
        const char *data = batch.bytes + at + sizeof header;
        uws_publish(PLAIN, app, TOPIC, sizeof TOPIC - 1, data, header.length, header.opcode, false);
    }
    batch.used = 0;
}

static void on_listen(struct us_listen_socket_t *socket, uws_app_listen_config_t config, void *user_data) {
    (void)user_data;
    if (!socket) die("cannot listen: is the port taken?");
    printf("listening on %s:%d\n", config.host, us_socket_local_port(PLAIN, socket));
    fflush(stdout);
}

static void usage(const char *argument) {
    fprintf(stderr, "unknown argument %s; usage: uwebsockets-echo --listen=IPV4:PORT [--broadcast]\n", argument);
    exit(2);
}

/* Splits "127.0.0.1:9001" in place. */
static void parse_address(char *typed, uws_app_listen_config_t *config) {
    char *colon = strrchr(typed, ':');
    char *end = NULL;
    long port = colon ? strtol(colon + 1, &end, 10) : -1;
    if (port < 0 || port > 65535 || end == colon + 1 || *end) {
        fprintf(stderr, "not an address: %s\n", typed);
        exit(2);
    }
    *colon = 0;
    config->host = typed;
    config->port = (int)port;
}

int main(int count, char **arguments) {
    uws_app_listen_config_t config = {.host = "127.0.0.1", .options = EXCLUSIVE_PORT};
    bool broadcasts = false;
    for (int index = 1; index < count; index++) {
        if (!strncmp(arguments[index], "--listen=", 9)) {
            parse_address(arguments[index] + 9, &config);
        } else if (!strcmp(arguments[index], "--broadcast")) {
            broadcasts = true;
        } else {
            usage(arguments[index]);
        }
    }
    socketify_loop_t *loop = socketify_create_loop();
    if (socketify_constructor_failed(loop)) die("no event loop");
    uws_get_loop_with_native(socketify_get_native_loop(loop));
    app = uws_create_app(PLAIN, (struct us_socket_context_options_t){0});
    if (!app || uws_constructor_failed(PLAIN, app)) die("uWebSockets made no application");
    uws_socket_behavior_t behavior = {
        .compression = UNCOMPRESSED,
        .max_payload_length = BYTES_MAX,
        .max_backpressure = BYTES_MAX,
        .open = broadcasts ? subscribe : NULL,
        .message = broadcasts ? keep : echo,
    };
    uws_ws(PLAIN, app, "/*", behavior, NULL);
    uws_app_listen_with_config(PLAIN, app, config, on_listen, NULL);
    if (broadcasts) socketify_create_check(loop, publish, NULL);
    return socketify_loop_run(loop, RUN_DEFAULT);
}
