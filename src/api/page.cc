// SPDX-License-Identifier: Apache-2.0
// The page: files of web/ from the program itself. The browser may keep assets for ever, since
// their path holds a version; the page at / is asked for each time, and answered 304 while it is
// the same.
#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/routes.h"
#include "api/web_files.h"
#include "base/check.h"
#include "http/accept.h"
#include "http/url.h"

namespace minnow::api {
namespace {

// Nothing but what this server sends, no script or style within the page, no markup from strings.
// Pictures may also be the page's own: those of a model, and files that are chosen.
constexpr char kPolicy[] =
    "default-src 'self'; img-src 'self' blob:; base-uri 'none'; object-src 'none'; form-action "
    "'self'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

constexpr std::string_view kAssets = "/assets/";

std::string_view ContentType(std::string_view name) {
  if (name.ends_with(".html")) return "text/html; charset=utf-8";
  if (name.ends_with(".js")) return "text/javascript; charset=utf-8";
  if (name.ends_with(".css")) return "text/css; charset=utf-8";
  CHECK(name.ends_with(".svg"));
  return "image/svg+xml";
}

struct Page {
  std::string html;
  std::string html_etag;
  std::map<std::string, const WebFile*, std::less<>> assets;
};

// The page's own addresses get the version; files of /assets/ name each other relatively.
std::string WithVersion(std::string_view html) {
  std::string out;
  for (size_t at = 0; at < html.size();) {
    const size_t next = std::min(html.find(kAssets, at), html.size());
    out += html.substr(at, next - at);
    at = next;
    if (at < html.size()) {
      out += std::string(kAssets) + std::string(WebVersion()) + "/";
      at += kAssets.size();
    }
  }
  return out;
}

std::shared_ptr<const Page> MakePage() {
  auto page = std::make_shared<Page>();
  for (const WebFile& file : WebFiles()) {
    if (file.name == "index.html") {
      page->html = WithVersion(file.bytes);
    } else {
      page->assets.emplace(file.name, &file);
    }
  }
  CHECK(!page->html.empty());
  page->html_etag = "\"" + std::string(WebVersion()) + "\"";
  return page;
}

// Is `etag` one of the field's? Weakly compared: compressing made it weak.
bool Knows(std::string_view if_none_match, std::string_view etag) {
  return if_none_match == "*" || if_none_match.find(etag) != std::string_view::npos;
}

http::Response FileResponse(const http::Request& request, std::string_view name,
                            std::string_view bytes, std::string_view etag, bool keep) {
  http::Response response;
  response.content_type = ContentType(name);
  response.headers = {{"Content-Security-Policy", kPolicy},
                      {"X-Content-Type-Options", "nosniff"},
                      {"Referrer-Policy", "no-referrer"},
                      {"Cross-Origin-Resource-Policy", "same-origin"},
                      {"Cache-Control", keep ? "public, max-age=31536000, immutable" : "no-cache"},
                      {"ETag", std::string(etag)}};
  if (Knows(request.FindHeader("If-None-Match"), etag)) {
    response.status = 304;
  } else {
    response.body = bytes;
  }
  return response;
}

http::Response AssetResponse(const Page& page, const http::Request& request) {
  const auto found = page.assets.find(request.Parameter("name"));
  if (found == page.assets.end()) return http::PlainResponse(404);
  const WebFile& file = *found->second;
  // An older page may ask for files by its own version: it gets what there is, and keeps nothing.
  const bool current = request.Parameter("version") == WebVersion();
  return FileResponse(request, file.name, file.bytes, "\"" + std::string(file.sha256) + "\"",
                      current);
}

// A client that says nothing, or takes anything, is a program.
bool WantsHtml(const http::Request& request) {
  const auto accept = http::ReadAccept(request.headers, "Accept");
  return http::MediaWeight(accept, "text", "html") >
         http::MediaWeight(accept, "application", "json");
}

}  // namespace

void AddPageRoutes(http::Router& router, http::Handler json_root) {
  const std::shared_ptr<const Page> page = MakePage();
  constexpr http::RouteOptions kOpen = {.open = true, .listed = false};
  const auto root = [page, json_root](http::Request request, http::Responder responder) {
    if (json_root && !WantsHtml(request))
      return json_root(std::move(request), std::move(responder));
    http::Response response =
        FileResponse(request, "index.html", page->html, page->html_etag, false);
    if (json_root) response.headers.push_back({"Vary", "Accept"});
    responder.Send(std::move(response));
  };
  router.Add("GET", "/", root, {.open = true});
  const auto asset = [page](http::Request request, http::Responder responder) {
    responder.Send(AssetResponse(*page, request));
  };
  router.Add("GET", "/assets/{version}/{name}", asset, kOpen);
  router.Add("GET", "/assets/{name}", asset, kOpen);
  const auto favicon = [page](http::Request request, http::Responder responder) {
    request.parameters = {{"name", "icon.svg"}};
    responder.Send(AssetResponse(*page, request));
  };
  router.Add("GET", "/favicon.ico", favicon, kOpen);
}

}  // namespace minnow::api
