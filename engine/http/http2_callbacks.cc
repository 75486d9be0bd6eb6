// What nghttp2 calls while it reads or writes frames of an Http2Connection.
#include <iterator>

#include "base/check.h"
#include "http/http2_connection.h"

namespace bimodal::http {

struct Http2Connection::Callbacks {
  static Http2Connection& of(void* user) { return *static_cast<Http2Connection*>(user); }

  static int on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    of(user).begin_block(frame->hd.stream_id);
    return 0;
  }

  static std::string_view text(const std::uint8_t* bytes, std::size_t size) {
    return {reinterpret_cast<const char*>(bytes), size};
  }

  static int on_header(
      nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
      const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* user) {
    // Trailers are checked and dropped, as in HTTP/1.
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    return of(user).add_to_block(text(name, name_size), text(value, value_size))
               ? 0
               : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }

  // A name or value with a byte that no field may hold. Left alone, nghttp2 would drop the field and go on.
  static int on_invalid_header(
      nghttp2_session* session, const nghttp2_frame* frame, const std::uint8_t*, std::size_t, const std::uint8_t*,
      std::size_t, std::uint8_t, void* user) {
    Http2Connection& self = of(user);
    self.charge(self.floods_.resets);
    nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_PROTOCOL_ERROR);
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }

  static int on_frame_recv(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    Http2Connection& self = of(user);
    const bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    switch (frame->hd.type) {
      case NGHTTP2_HEADERS:
        if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
          self.end_block(ends);
          break;
        }
        self.reactor_.disarm(self.head_);
        self.block_stream_ = 0;
        if (Http2Stream* stream = self.find(frame->hd.stream_id); stream && ends) stream->on_end();
        break;
      case NGHTTP2_DATA:
        if (frame->hd.length == 0 && !ends) self.charge(self.floods_.noise);
        if (Http2Stream* stream = self.find(frame->hd.stream_id); stream && ends) stream->on_end();
        break;
      case NGHTTP2_RST_STREAM:
        self.charge(self.floods_.resets);
        break;
      case NGHTTP2_WINDOW_UPDATE:
        self.charge(self.floods_.updates);
        break;
      case NGHTTP2_PING:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) && self.drained_) self.on_drain();
        [[fallthrough]];
      default:
        self.charge(self.floods_.noise);
    }
    return self.ending_ ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
  }

  static int on_invalid_frame(nghttp2_session*, const nghttp2_frame* frame, int, void* user) {
    Http2Connection& self = of(user);
    self.reset_here_.add(frame->hd.stream_id);
    self.reactor_.disarm(self.head_);
    self.charge(self.floods_.resets);
    return self.ending_ ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
  }

  static int on_data(
      nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* bytes, std::size_t size, void* user) {
    Http2Connection& self = of(user);
    if (Http2Stream* stream = self.find(id)) {
      stream->on_data(text(bytes, size));
    } else {
      self.owe(size);
    }
    return 0;
  }

  static int on_stream_close(nghttp2_session*, std::int32_t id, std::uint32_t, void* user) {
    of(user).drop(id);
    return 0;
  }

  static int on_frame_send(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    Http2Connection& self = of(user);
    if (frame->hd.type == NGHTTP2_RST_STREAM) self.reset_here_.add(frame->hd.stream_id);
    if (frame->hd.type == NGHTTP2_DATA) self.floods_.updates.give(Http2Floods::kUpdatesPerDataFrame);
    if (frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS) return 0;
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
    if (Http2Stream* stream = self.find(frame->hd.stream_id)) stream->on_response_sent();
    return 0;
  }

  // A head that is larger than nghttp2 sends.
  static int on_frame_not_send(nghttp2_session* session, const nghttp2_frame* frame, int, void*) {
    if (frame->hd.type == NGHTTP2_HEADERS) {
      nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_INTERNAL_ERROR);
    }
    return 0;
  }

  static ssize_t read_output(
      nghttp2_session* session, std::int32_t id, std::uint8_t* to, std::size_t size, std::uint32_t* flags,
      nghttp2_data_source*, void* user) {
    Http2Connection& self = of(user);
    Http2Stream* stream = self.find(id);
    if (!stream) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    const auto [count, follows] = stream->take_output(reinterpret_cast<char*>(to), size);
    if (count > 0) self.sent_.push_back(id);
    switch (follows) {
      case Http2Stream::Follows::More:
        break;
      case Http2Stream::Follows::Nothing:
        return NGHTTP2_ERR_DEFERRED;
      case Http2Stream::Follows::Reset:
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_INTERNAL_ERROR);
        return NGHTTP2_ERR_DEFERRED;
      case Http2Stream::Follows::Trailers:
        *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
        stream->submit_trailers();
        break;
      case Http2Stream::Follows::End:
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        break;
    }
    return static_cast<ssize_t>(count);
  }

  // Made once; nghttp2 copies them into each session.
  static const nghttp2_session_callbacks* all() {
    static nghttp2_session_callbacks* const made = [] {
      nghttp2_session_callbacks* callbacks = nullptr;
      nghttp2_session_callbacks_new(&callbacks);
      nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
      nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
      nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, on_invalid_header);
      nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
      nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, on_invalid_frame);
      nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
      nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
      nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
      nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_frame_not_send);
      return callbacks;
    }();
    return made;
  }
};

namespace {

nghttp2_option* make_options() {
  nghttp2_option* options = nullptr;
  nghttp2_option_new(&options);
  nghttp2_option_set_no_auto_window_update(options, 1);
  nghttp2_option_set_no_closed_streams(options, 1);
  nghttp2_option_set_max_send_header_block_length(options, 2 << 20);  // more than a container can say
  return options;
}

}  // namespace

nghttp2_session* Http2Connection::open_session() {
  static nghttp2_option* const options = make_options();
  nghttp2_session* session = nullptr;
  CHECK(nghttp2_session_server_new2(&session, Callbacks::all(), this, options) == 0);
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, kMaxStreams},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(limits_.max_head_bytes)},
      {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
  };
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, std::size(settings));
  nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, kConnectionWindow);
  return session;
}

void Http2Connection::submit_response(Http2Stream& stream, const std::vector<nghttp2_nv>& fields, ResponseBody body) {
  const nghttp2_data_provider provider{.source = {.ptr = nullptr}, .read_callback = Callbacks::read_output};
  const nghttp2_data_provider* output = body == ResponseBody::Follows ? &provider : nullptr;
  nghttp2_submit_response(session_.get(), stream.id(), fields.data(), fields.size(), output);
  flush_later();
}

}  // namespace bimodal::http
