module interop

go 1.21

require (
	github.com/MixinNetwork/bot-api-go-client v1.8.0
	github.com/fox-one/mixin-sdk-go v1.9.1
)

require (
	filippo.io/edwards25519 v1.0.0 // indirect
	github.com/MixinNetwork/go-number v0.1.0 // indirect
	github.com/MixinNetwork/mixin v0.16.0 // indirect
	github.com/MixinNetwork/mobilecoin-account v0.0.4 // indirect
	github.com/MixinNetwork/msgpack/v4 v4.4.0 // indirect
	github.com/btcsuite/btcutil v1.0.2 // indirect
	github.com/bwesterb/go-ristretto v1.2.3 // indirect
	github.com/dchest/blake2b v1.0.0 // indirect
	github.com/fox-one/msgpack v1.0.0 // indirect
	github.com/go-resty/resty/v2 v2.10.0 // indirect
	github.com/gofrs/uuid v4.4.0+incompatible // indirect
	github.com/golang-jwt/jwt v3.2.2+incompatible // indirect
	github.com/golang/protobuf v1.5.3 // indirect
	github.com/gorilla/websocket v1.5.1 // indirect
	github.com/klauspost/compress v1.16.7 // indirect
	github.com/klauspost/cpuid/v2 v2.2.6 // indirect
	github.com/oxtoacart/bpool v0.0.0-20190530202638-03653db5a59c // indirect
	github.com/pelletier/go-toml v1.9.5 // indirect
	github.com/pkg/errors v0.9.1 // indirect
	github.com/shopspring/decimal v1.3.1 // indirect
	github.com/vmihailenco/msgpack/v4 v4.3.12 // indirect
	github.com/vmihailenco/tagparser v0.1.2 // indirect
	github.com/zeebo/blake3 v0.2.3 // indirect
	golang.org/x/crypto v0.15.0 // indirect
	golang.org/x/net v0.18.0 // indirect
	golang.org/x/sync v0.5.0 // indirect
	golang.org/x/sys v0.14.0 // indirect
	golang.org/x/text v0.14.0 // indirect
	google.golang.org/appengine v1.6.8 // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20230803162519-f966b187b2e5 // indirect
	google.golang.org/grpc v1.57.0 // indirect
	google.golang.org/protobuf v1.31.0 // indirect
)
