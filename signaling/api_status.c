/* api_status.c -- clock, health, readiness, status of the parts, and the local CA with its half page of help. */
#include "signaling/http_routes.h"
#include "signaling/session.h"
#include "signaling/session_legs.h"

#include "config/control.h"

#include <string.h>

void api_clock(HttpExchange *exchange, const Caller *caller) {
    http_answer_json(exchange, 200,
                     json_pack("{s:I, s:s}", "utc_ms", (json_int_t)office_now_ms(caller->service->office),
                               "time_zone", caller->service->settings->meeting_time_zone));
}

void api_healthz(HttpExchange *exchange, const Caller *caller) {
    (void)caller;
    http_header(exchange, "cache-control", "no-store");
    http_answer_text(exchange, 200, "text/plain; charset=utf-8", "ok\n");
}

static json_t *bridge_json(Service *service) {
    json_t *hello = bridge_link_hello(service->bridge);
    json_t *bridge = json_pack("{s:b}", "up", bridge_link_is_up(service->bridge));
    if (hello == NULL) return bridge;
    json_object_set(bridge, "instance", json_object_get(hello, "instance"));
    json_object_set(bridge, "sandbox", json_object_get(hello, "sandbox"));
    return bridge;
}

void api_readyz(HttpExchange *exchange, const Caller *caller) {
    Service *service = caller->service;
    gboolean ready = service->store_well && bridge_link_is_up(service->bridge) && !service->stopping;
    http_answer_json(exchange, ready ? 200 : 503,
                     json_pack("{s:b, s:b, s:o}", "ready", ready, "store", service->store_well, "bridge",
                               bridge_json(service)));
}

void api_status(HttpExchange *exchange, const Caller *caller) {
    Service *service = caller->service;
    json_t *status = json_pack(
        "{s:s, s:s, s:I, s:b, s:i, s:i, s:i, s:i, s:o}", "version", DIEMCAU_VERSION, "instance",
        service->instance, "up_s", (json_int_t)((reactor_now_us() - service->started_us) / G_USEC_PER_SEC),
        "store", service->store_well, "rooms", (int)session_count(service, TRUE), "consoles",
        (int)session_count(service, FALSE), "legs_live", (int)legs_count(service, LEG_LIVE),
        "control_version", CONTROL_VERSION, "bridge", bridge_json(service));
    if (service->bridge_stats != NULL) json_object_set(status, "bridge_stats", service->bridge_stats);
    http_answer_json(exchange, 200, status);
}

void api_ca(HttpExchange *exchange, const Caller *caller) {
    const TlsFiles *tls = caller->service->tls;
    char *pem = NULL;
    gsize n_bytes = 0;
    if (tls == NULL || tls->ca_path == NULL || !g_file_get_contents(tls->ca_path, &pem, &n_bytes, NULL)) {
        http_answer_code(exchange, 404, "not-found", words(caller->language, WORD_CA_NONE));
        return;
    }
    http_header(exchange, "content-disposition", "attachment; filename=\"diem-cau-ca.crt\"");
    http_answer(exchange, 200, "application/x-x509-ca-cert", g_bytes_new_take(pem, n_bytes));
}

static const char help_vi[] =
    "<!doctype html><html lang=\"vi\"><meta charset=\"utf-8\"><title>Cài chứng thư của máy chủ</title>"
    "<h1>Cài chứng thư của máy chủ Điểm Cầu</h1>"
    "<p>Trình duyệt chỉ cho dùng camera và mic trên trang được tin cậy. Mỗi máy của điểm cầu cài một lần tệp "
    "<a href=\"/ca.crt\">ca.crt</a> (của riêng máy chủ này).</p>"
    "<h2>Windows (Chrome, Edge, Cốc Cốc)</h2><ol><li>Tải <a href=\"/ca.crt\">ca.crt</a>, bấm đúp.</li>"
    "<li>Install Certificate → Local Machine → Place all certificates in the following store → "
    "<b>Trusted Root Certification Authorities</b> → Finish.</li><li>Đóng hết trình duyệt rồi mở "
    "lại.</li></ol>"
    "<p>Cho cả miền: Group Policy → Computer Configuration → Windows Settings → Security Settings → Public "
    "Key "
    "Policies → Trusted Root Certification Authorities → Import.</p>"
    "<h2>Firefox</h2><p>Settings → Privacy &amp; Security → View Certificates → Authorities → Import, chọn "
    "ca.crt, đánh "
    "dấu \"Trust this CA to identify websites\". Hoặc đặt <code>security.enterprise_roots.enabled</code> là "
    "<code>true</code> để dùng kho của Windows.</p>"
    "<h2>Linux (Chromium)</h2><p>Chép vào <code>/usr/local/share/ca-certificates/</code> rồi chạy "
    "<code>update-ca-certificates</code>; cho Chromium: <code>certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n "
    "diemcau -i "
    "ca.crt</code>.</p><p><a href=\"/\">Về trang đầu</a></p></html>\n";

static const char help_en[] =
    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Install the server's certificate</title>"
    "<h1>Install the certificate of this Điểm Cầu server</h1>"
    "<p>Browsers give camera and microphone to trusted pages only. Install <a href=\"/ca.crt\">ca.crt</a> "
    "(it belongs to "
    "this server alone) once on every room's computer.</p>"
    "<h2>Windows (Chrome, Edge)</h2><ol><li>Download <a href=\"/ca.crt\">ca.crt</a> and open it.</li>"
    "<li>Install Certificate → Local Machine → Place all certificates in the following store → "
    "<b>Trusted Root Certification Authorities</b> → Finish.</li><li>Close all browser windows and open them "
    "again.</li></ol>"
    "<p>For a whole domain: Group Policy → Computer Configuration → Windows Settings → Security Settings → "
    "Public Key "
    "Policies → Trusted Root Certification Authorities → Import.</p>"
    "<h2>Firefox</h2><p>Settings → Privacy &amp; Security → View Certificates → Authorities → Import, choose "
    "ca.crt, tick "
    "\"Trust this CA to identify websites\". Or set <code>security.enterprise_roots.enabled</code> to "
    "<code>true</code>.</p>"
    "<h2>Linux (Chromium)</h2><p>Copy it to <code>/usr/local/share/ca-certificates/</code> and run "
    "<code>update-ca-certificates</code>; for Chromium: <code>certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n "
    "diemcau -i "
    "ca.crt</code>.</p><p><a href=\"/\">Back</a></p></html>\n";

void api_help_ca(HttpExchange *exchange, const Caller *caller) {
    http_answer_text(exchange, 200, "text/html; charset=utf-8",
                     caller->language == LANGUAGE_EN ? help_en : help_vi);
}
