"""A real RTSP server for tests: GStreamer's, run by the interpreter that Debian's python3-gi belongs to.

    /usr/bin/python3 tests/rtsp_server.py PORT [USER PASSWORD] [fps=10] [width=320] [height=240] [codec=h264]
                                   [pattern=ball]

A port of 0 is any that is free.

Says "ready" and its port when it listens. The stream is at /live.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

ENCODERS = {
    "h264": "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=10 threads=1 "
    "! rtph264pay name=pay0 pt=96 config-interval=1",
    "jpeg": "jpegenc ! rtpjpegpay name=pay0 pt=26",
}


def main(port, *rest):
    named = dict(word.split("=", 1) for word in rest if "=" in word)
    credentials = [word for word in rest if "=" not in word]
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    factory = GstRtspServer.RTSPMediaFactory()
    fps, width, height = (named.get(k, d) for k, d in (("fps", "10"), ("width", "320"), ("height", "240")))
    shape = f"video/x-raw,format=I420,width={width},height={height},framerate={fps}/1"
    source = f"videotestsrc is-live=true pattern={named.get('pattern', 'ball')} ! {shape}"
    factory.set_launch(f"( {source} ! {ENCODERS[named.get('codec', 'h264')]} )")
    factory.set_shared(True)
    if credentials:
        user, password = credentials
        authentication = GstRtspServer.RTSPAuth()
        token = GstRtspServer.RTSPToken()
        token.set_string(GstRtspServer.RTSP_TOKEN_MEDIA_FACTORY_ROLE, "watcher")
        authentication.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
        server.set_auth(authentication)
        permissions = GstRtspServer.RTSPPermissions()
        permissions.add_permission_for_role("watcher", GstRtspServer.RTSP_PERM_MEDIA_FACTORY_ACCESS, True)
        permissions.add_permission_for_role("watcher", GstRtspServer.RTSP_PERM_MEDIA_FACTORY_CONSTRUCT, True)
        factory.set_permissions(permissions)
    server.get_mount_points().add_factory("/live", factory)
    if not server.attach(None):
        sys.exit(f"port {port} is taken")
    print("ready", server.get_bound_port(), flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main(*sys.argv[1:])
