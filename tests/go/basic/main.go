// The community's asset-transfer-basic contract on Hyperledger's contract API for Go, as a service: what ours is measured beside.
// The environment is that of fabric/examples: CHAINCODE_SERVER_ADDRESS, CORE_CHAINCODE_ID_NAME, and the keys of mutual TLS.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-contract-api-go/v2/contractapi"
)

// Asset has its fields in the order of their names, as in the other languages.
type Asset struct {
	AppraisedValue int    `json:"AppraisedValue"`
	Color          string `json:"Color"`
	ID             string `json:"ID"`
	Owner          string `json:"Owner"`
	Size           int    `json:"Size"`
}

// SmartContract keeps assets by id.
type SmartContract struct {
	contractapi.Contract
}

// InitLedger puts six assets on the ledger to begin with.
func (s *SmartContract) InitLedger(ctx contractapi.TransactionContextInterface) error {
	for _, asset := range []Asset{
		{ID: "asset1", Color: "blue", Size: 5, Owner: "Tomoko", AppraisedValue: 300},
		{ID: "asset2", Color: "red", Size: 5, Owner: "Brad", AppraisedValue: 400},
		{ID: "asset3", Color: "green", Size: 10, Owner: "Jin Soo", AppraisedValue: 500},
		{ID: "asset4", Color: "yellow", Size: 10, Owner: "Max", AppraisedValue: 600},
		{ID: "asset5", Color: "black", Size: 15, Owner: "Adriana", AppraisedValue: 700},
		{ID: "asset6", Color: "white", Size: 15, Owner: "Michel", AppraisedValue: 800},
	} {
		if err := put(ctx, asset); err != nil {
			return err
		}
	}
	return nil
}

// CreateAsset refuses an id that there is.
func (s *SmartContract) CreateAsset(ctx contractapi.TransactionContextInterface, id string, color string, size int, owner string, appraisedValue int) error {
	exists, err := s.AssetExists(ctx, id)
	if err != nil {
		return err
	}
	if exists {
		return fmt.Errorf("the asset %s already exists", id)
	}
	return put(ctx, Asset{ID: id, Color: color, Size: size, Owner: owner, AppraisedValue: appraisedValue})
}

// ReadAsset returns the asset with this id.
func (s *SmartContract) ReadAsset(ctx contractapi.TransactionContextInterface, id string) (*Asset, error) {
	value, err := ctx.GetStub().GetState(id)
	if err != nil {
		return nil, fmt.Errorf("failed to read from world state: %w", err)
	}
	if value == nil {
		return nil, fmt.Errorf("the asset %s does not exist", id)
	}
	var asset Asset
	if err := json.Unmarshal(value, &asset); err != nil {
		return nil, err
	}
	return &asset, nil
}

// UpdateAsset replaces an asset that there is.
func (s *SmartContract) UpdateAsset(ctx contractapi.TransactionContextInterface, id string, color string, size int, owner string, appraisedValue int) error {
	if err := mustExist(s, ctx, id); err != nil {
		return err
	}
	return put(ctx, Asset{ID: id, Color: color, Size: size, Owner: owner, AppraisedValue: appraisedValue})
}

// DeleteAsset removes an asset that there is.
func (s *SmartContract) DeleteAsset(ctx contractapi.TransactionContextInterface, id string) error {
	if err := mustExist(s, ctx, id); err != nil {
		return err
	}
	return ctx.GetStub().DelState(id)
}

// AssetExists tells whether there is an asset with this id.
func (s *SmartContract) AssetExists(ctx contractapi.TransactionContextInterface, id string) (bool, error) {
	value, err := ctx.GetStub().GetState(id)
	if err != nil {
		return false, fmt.Errorf("failed to read from world state: %w", err)
	}
	return value != nil, nil
}

// TransferAsset answers with the owner before.
func (s *SmartContract) TransferAsset(ctx contractapi.TransactionContextInterface, id string, newOwner string) (string, error) {
	asset, err := s.ReadAsset(ctx, id)
	if err != nil {
		return "", err
	}
	oldOwner := asset.Owner
	asset.Owner = newOwner
	return oldOwner, put(ctx, *asset)
}

// GetAllAssets returns every asset.
func (s *SmartContract) GetAllAssets(ctx contractapi.TransactionContextInterface) ([]*Asset, error) {
	entries, err := ctx.GetStub().GetStateByRange("", "")
	if err != nil {
		return nil, err
	}
	defer entries.Close()
	var assets []*Asset
	for entries.HasNext() {
		entry, err := entries.Next()
		if err != nil {
			return nil, err
		}
		var asset Asset
		if err := json.Unmarshal(entry.Value, &asset); err != nil {
			return nil, err
		}
		assets = append(assets, &asset)
	}
	return assets, nil
}

func mustExist(s *SmartContract, ctx contractapi.TransactionContextInterface, id string) error {
	exists, err := s.AssetExists(ctx, id)
	if err != nil {
		return err
	}
	if !exists {
		return fmt.Errorf("the asset %s does not exist", id)
	}
	return nil
}

func put(ctx contractapi.TransactionContextInterface, asset Asset) error {
	value, err := json.Marshal(asset)
	if err != nil {
		return err
	}
	return ctx.GetStub().PutState(asset.ID, value)
}

// tlsProperties reads the files that the environment names.
func tlsProperties() (shim.TLSProperties, error) {
	if os.Getenv("CORE_PEER_TLS_ENABLED") != "true" {
		return shim.TLSProperties{Disabled: true}, nil
	}
	var files [3][]byte
	for index, name := range []string{"CORE_TLS_CLIENT_KEY_FILE", "CORE_TLS_CLIENT_CERT_FILE", "CORE_PEER_TLS_ROOTCERT_FILE"} {
		content, err := os.ReadFile(os.Getenv(name))
		if err != nil {
			return shim.TLSProperties{}, fmt.Errorf("cannot read the file that %s names: %w", name, err)
		}
		files[index] = content
	}
	return shim.TLSProperties{Key: files[0], Cert: files[1], ClientCACerts: files[2]}, nil
}

func main() {
	chaincode, err := contractapi.NewChaincode(&SmartContract{})
	if err != nil {
		log.Fatalf("the contract is wrong: %v", err)
	}
	properties, err := tlsProperties()
	if err != nil {
		log.Fatal(err)
	}
	server := &shim.ChaincodeServer{
		CCID:     os.Getenv("CORE_CHAINCODE_ID_NAME"),
		Address:  os.Getenv("CHAINCODE_SERVER_ADDRESS"),
		CC:       chaincode,
		TLSProps: properties,
	}
	if err := server.Start(); err != nil {
		log.Fatalf("cannot serve on %s: %v", server.Address, err)
	}
}
