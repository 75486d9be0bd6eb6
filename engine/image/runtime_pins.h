// Versions of the packages in the runtime layer. All are installed without their dependencies: each list is complete.
#pragma once

#include <array>
#include <string_view>

namespace bimodal::image {

// Ships beside the client's package; every supported client accepts this release.
inline constexpr std::string_view kSynchronicityPin = "synchronicity==0.12.7";

// What the client imports inside a container: the set that its image builder 2025.06 names. Of certifi the newest,
// because certificates go out of date.
inline constexpr std::array<std::string_view, 17> kClientPins = {
    "aiohappyeyeballs==2.6.1",
    "aiohttp==3.12.7",
    "aiosignal==1.3.2",
    "attrs==25.3.0",
    "cbor2==5.7.0",
    "certifi",
    "frozenlist==1.6.0",
    "grpclib==0.4.8",
    "h2==4.2.0",
    "hpack==4.1.0",
    "hyperframe==6.1.0",
    "idna==3.10",
    "multidict==6.4.4",
    "propcache==0.3.1",
    "protobuf==6.31.1",
    "typing_extensions==4.13.2",
    "yarl==1.20.0",
};

// What `fastapi[standard]` serves with, without its command line tools. kClientPins come before them on sys.path and
// give typing_extensions, idna and certifi.
inline constexpr std::array<std::string_view, 31> kFastapiPins = {
    "annotated-doc==0.0.7",
    "annotated-types==0.8.0",
    "anyio==4.14.2",
    "click==8.5.1",
    "dnspython==2.9.2",
    "email-validator==2.4.0",
    "fastapi==0.165.0",
    "h11==0.16.0",
    "httpcore==1.0.9",
    "httpcore2==2.3.0",
    "httptools==0.9.0",
    "httpx==0.28.1",
    "httpx2==2.3.0",
    "itsdangerous==2.2.0",
    "Jinja2==3.1.6",
    "MarkupSafe==3.0.4",
    "opentelemetry-api==1.45.2",
    "pydantic==2.11.10",
    "pydantic-extra-types==2.11.1",
    "pydantic-settings==2.16.3",
    "pydantic_core==2.33.2",
    "python-dotenv==1.2.4",
    "python-multipart==0.0.34",
    "PyYAML==6.0.3",
    "starlette==1.10.0",
    "truststore==0.10.5",
    "typing-inspection==0.4.2",
    "uvicorn==0.54.0",
    "uvloop==0.23.0",
    "watchfiles==1.3.0",
    "websockets==17.4",
};

}  // namespace bimodal::image
